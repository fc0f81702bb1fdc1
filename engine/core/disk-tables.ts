/** Tables of the state store with this number and above are disk-resident: a start does not read their rows,
 * which stay on disk until someone scans them (architecture §3). */
export const DISK_TABLE_MIN = 128;
