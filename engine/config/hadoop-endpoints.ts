import { isWildcard } from "./group.js";
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

/** Why clients would not follow a redirect to this SCM, one of several: they compare it as text with host and
 * port of their own configuration, which is taken for the same as this one's, and try the SCMs one after the
 * other when none matches (spec 12 §3.3, §11). */
export function redirectWarnings({ scm, hadoop }: Pick<ConfigValues, "scm" | "hadoop">): string[] {
  const { hostName } = scm;
  const { clientAddress, blockAddress } = SCHEMA.hadoop;
  if (hostName.includes(":")) {
    return [
      `${SCHEMA.scm.hostName.key} = ${hostName}: Hadoop clients follow redirects to names and IPv4 only`,
    ];
  }
  return [
    { key: clientAddress.key, host: hadoop.clientAddress?.host },
    { key: blockAddress.key, host: hadoop.blockAddress?.host },
  ].flatMap(({ key, host }) => {
    if (host === undefined || host === hostName || isWildcard(host)) return [];
    return [
      `${key} = ${host}: clients that know this SCM so do not follow redirects, which name it ${hostName}`,
    ];
  });
}
