#!/usr/bin/env node
import "./host/garbage-collection.js";

/** Apart: what is imported statically is loaded, and has let the young generation grow, before the first
 * line of any module runs. */
const { main } = await import("./cli/main.js");
await main();
