/** Tables of the state store. Numbers are for ever; the key's first byte on disk. */
export const TABLE = {
  /** One row, key "". */
  meta: 1,
  /** Key: page number u32 big-endian. */
  containers: 2,
  /** Key: session id f64 as u64 big-endian. */
  sessions: 3,
  /** Key: sequence number u8. */
  sequences: 4,
  /** Key: uuid, 16 bytes. */
  nodeIntents: 5,
  /** Key: uuid, 16 bytes. */
  pipelines: 6,
  /** Key: dictionary number u16 big-endian. */
  owners: 7,
  /** Key: dictionary number u16 big-endian. */
  replicationConfigs: 8,
  /** Key: node id f64. */
  members: 9,
  /** Disk-resident. Key: number of its first operation, u64 big-endian. */
  history: 128,
} as const;
export type TableNumber = (typeof TABLE)[keyof typeof TABLE];
