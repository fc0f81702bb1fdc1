/** Sequences by name with the number that stands on disk (spec 07 §12). */
export const SEQUENCE = { localId: 1, delTxnId: 2, containerId: 3, CertificateId: 4 } as const;
export type SequenceName = keyof typeof SEQUENCE;
