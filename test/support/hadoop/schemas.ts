import type { DescFile, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import {
  file_block,
  SCMBlockLocationRequestSchema,
  SCMBlockLocationResponseSchema,
} from "../../../protocol/hadoop/generated/block_pb.js";
import {
  file_datanode,
  SCMDatanodeRequestSchema,
  SCMDatanodeResponseSchema,
} from "../../../protocol/hadoop/generated/datanode_pb.js";
import { file_hdds } from "../../../protocol/hadoop/generated/hdds_pb.js";
import {
  file_location,
  ScmContainerLocationRequestSchema,
  ScmContainerLocationResponseSchema,
} from "../../../protocol/hadoop/generated/location_pb.js";
import { file_reconfigure } from "../../../protocol/hadoop/generated/reconfigure_pb.js";
import { file_rpc } from "../../../protocol/hadoop/generated/rpc_pb.js";
import { file_secret_key } from "../../../protocol/hadoop/generated/secret-key_pb.js";
import { file_security } from "../../../protocol/hadoop/generated/security_pb.js";

/** All .proto files of protocol/hadoop. */
export const HADOOP_FILES: readonly DescFile[] = [
  file_rpc,
  file_hdds,
  file_datanode,
  file_block,
  file_location,
  file_reconfigure,
  file_security,
  file_secret_key,
];

/** All messages in them. */
export const HADOOP_SCHEMAS: readonly DescMessage[] = HADOOP_FILES.flatMap((file) =>
  [...nestedTypes(file)].filter((type) => type.kind === "message"),
);

/** Envelopes by the last word of the protocol's name. */
const ENVELOPES: Readonly<Record<string, BodySchemas>> = {
  StorageContainerDatanodeProtocol: {
    request: SCMDatanodeRequestSchema,
    response: SCMDatanodeResponseSchema,
  },
  ScmBlockLocationProtocol: {
    request: SCMBlockLocationRequestSchema,
    response: SCMBlockLocationResponseSchema,
  },
  StorageContainerLocationProtocol: {
    request: ScmContainerLocationRequestSchema,
    response: ScmContainerLocationResponseSchema,
  },
};

export interface BodySchemas {
  readonly request: DescMessage;
  readonly response: DescMessage;
}

/** Of the messages of a call. */
export function bodySchemas(protocol: string): BodySchemas {
  const schemas = ENVELOPES[protocol];
  if (schemas === undefined) throw new Error(`no messages of ${protocol}`);
  return schemas;
}
