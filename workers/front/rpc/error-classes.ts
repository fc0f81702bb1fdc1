/** Exception classes of the RPC layer itself, whose package differs between releases (spec 12 §2.1). What
 * protocols answer stands in hadoop-errors.ts. */
export function rpcClasses(ipcPackage: string) {
  const prefix = `org.apache.hadoop.${ipcPackage}`;
  return {
    versionMismatch: `${prefix}.RPC$VersionMismatch`,
    ipc: `${prefix}.IpcException`,
    rpcServer: `${prefix}.RpcServerException`,
    noSuchProtocol: `${prefix}.RpcNoSuchProtocolException`,
    noSuchMethod: `${prefix}.RpcNoSuchMethodException`,
    accessControl: "org.apache.hadoop.security.AccessControlException",
  } as const;
}
export type RpcClasses = ReturnType<typeof rpcClasses>;
