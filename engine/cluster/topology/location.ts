/** The names of a location such as `/rack1`, root first, or what is wrong with it (spec 03 §12.2 rule 5). A
 * `/` at the end is dropped; the root has no names. */
export function namesOf(location: string): readonly string[] | string {
  if (location === "" || location === "/") return [];
  if (!location.startsWith("/")) return "must start with /";
  const names = location.slice(1, location.endsWith("/") ? -1 : undefined).split("/");
  return names.includes("") ? "holds an empty name" : names;
}
