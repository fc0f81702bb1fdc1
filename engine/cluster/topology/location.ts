/** The form in which a location is recorded: without a `/` at the end. */
export function normalized(location: string): string {
  return location.endsWith("/") ? location.slice(0, -1) : location;
}

/** The names of a location such as `/rack1`, root first, or what is wrong with it (spec 03 §12.2 rule 5). A
 * `/` at the end is dropped; the root has no names. */
export function namesOf(location: string): readonly string[] | string {
  if (location === "" || location === "/") return [];
  if (!location.startsWith("/")) return "must start with /";
  const names = normalized(location).slice(1).split("/");
  return names.includes("") ? "holds an empty name" : names;
}
