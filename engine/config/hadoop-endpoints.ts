import { type ConfigValues, SCHEMA } from "./schema.js";

/** A port of Hadoop RPC that this SCM opens. */
export interface HadoopEndpoint {
  /** To bind to. */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly portKey: string;
}

/** Where Hadoop RPC is served (spec 07 §3 rule 6, spec 12 §2.7). */
export function hadoopEndpoints(
  hadoop: ConfigValues["hadoop"],
): Readonly<Record<"client" | "datanode" | "block", HadoopEndpoint>> {
  const { clientPort, datanodePort, blockPort } = SCHEMA.hadoop;
  return {
    client: {
      host: hadoop.clientBindHost,
      port: hadoop.clientAddress?.port || hadoop.clientPort,
      portKey: clientPort.key,
    },
    datanode: {
      host: hadoop.datanodeBindHost,
      port: hadoop.datanodeAddress?.port || hadoop.datanodePort,
      portKey: datanodePort.key,
    },
    block: {
      host: hadoop.blockBindHost,
      port: hadoop.blockAddress?.port || hadoop.blockPort,
      portKey: blockPort.key,
    },
  };
}
