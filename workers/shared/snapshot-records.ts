/** Whether a record of the state thread concerns snapshots. */
export function isSnapshotRecord(kind: number): boolean {
  return kind >= FIRST_KIND;
}

const FIRST_KIND = 32;
