import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../../scripts/interop/release/Descriptors.java", import.meta.url));
const COMMANDS = fileURLToPath(new URL("../../../scripts/interop/release/Commands.java", import.meta.url));
const RPC = "org.apache.hadoop.ipc_.protobuf";
const SCM = "org.apache.hadoop.hdds.protocol.proto";
/** Classes that hold the descriptors of what `protocol/hadoop` has. */
const HOLDERS = [
  `${RPC}.RpcHeaderProtos`,
  `${RPC}.ProtobufRpcEngineProtos`,
  `${RPC}.IpcConnectionContextProtos`,
  `${SCM}.HddsProtos`,
  `${SCM}.StorageContainerDatanodeProtocolProtos`,
  `${SCM}.ScmBlockLocationProtocolProtos`,
  `${SCM}.StorageContainerLocationProtocolProtos`,
  `${SCM}.ReconfigureProtocolProtos`,
  `${SCM}.SCMSecurityProtocolProtos`,
  `${SCM}.SCMSecretKeyProtocolProtos`,
];

/** The descriptors in the jars of a release: a FileDescriptorSet. */
export function releasedDescriptors(classpath: string): Uint8Array {
  return execFileSync("java", ["-cp", classpath, PROGRAM, ...HOLDERS], { maxBuffer: 2 ** 20 });
}

/** Writes the commands to datanodes as the released SCM sends them to `file`. */
export function writeReleasedCommands(classpath: string, file: string): void {
  execFileSync("java", ["-cp", classpath, COMMANDS, file]);
}
