import "../../engine/host/garbage-collection.js";

/** As `engine/main.ts` does. */
await import("./watched-scm.js");
