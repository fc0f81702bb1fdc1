import { relative } from "node:path";

/** A member as a newcomer finds it. */
export interface MemberPlace {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: string;
  readonly http: string;
  readonly raft: string;
  readonly log: string;
}

/** What happens to the cluster, in order. */
export type ClusterEvent =
  | { readonly event: "starting"; readonly directory: string; readonly size: number; readonly isNew: boolean }
  | { readonly event: "joined"; readonly name: string }
  | {
      readonly event: "ready";
      readonly directory: string;
      readonly config: string;
      readonly program: string;
      readonly members: readonly MemberPlace[];
    }
  | { readonly event: "leader"; readonly name: string; readonly term: number }
  | { readonly event: "noLeader" }
  | { readonly event: "ended"; readonly name: string; readonly how: string; readonly againInMs: number }
  | { readonly event: "started"; readonly name: string; readonly pid: number }
  | { readonly event: "paused"; readonly ms: number; readonly writes: number }
  | { readonly event: "stopping" };

export function jsonLine(event: ClusterEvent): string {
  return JSON.stringify({ atMs: Date.now(), ...event });
}

export function textLines(event: ClusterEvent): string[] {
  switch (event.event) {
    case "starting": {
      const what = event.isNew ? "a new group" : "the group";
      return [`Starting ${what} of ${event.size} SCM(s) in ${event.directory} …`];
    }
    case "joined":
      return [`${event.name} has joined and may vote`];
    case "ready":
      return readyLines(event);
    case "leader":
      return [`${time()}  ${event.name} leads, term ${event.term}`];
    case "noLeader":
      return [`${time()}  nobody leads`];
    case "ended":
      return [`${time()}  ${event.name} ended by ${event.how}; again in ${event.againInMs / 1000} s`];
    case "started":
      return [`${time()}  ${event.name} runs again, pid ${event.pid}`];
    case "paused":
      return [`${time()}  writes stood still for ${event.ms} ms (${event.writes} acknowledged so far)`];
    case "stopping":
      return ["Stopping …"];
  }
}

function readyLines(event: ClusterEvent & { event: "ready" }): string[] {
  const { members, config, program } = event;
  const strata = `node ${relative(process.cwd(), program)}`;
  const [first] = members;
  return [
    "",
    "member  pid       clients                web pages                raft             log",
    ...members.map(({ name, pid, endpoint, http, raft, log }) =>
      [name.padEnd(6), `${pid}`.padEnd(8), endpoint.padEnd(21), http.padEnd(23), raft, log].join("  "),
    ),
    "",
    "Try, in another terminal:",
    `  ${strata} admin scm roles --config ${config}`,
    `  ${strata} admin scm transfer --help`,
    `  ${strata} admin history --config ${config}`,
    `  kill -9 ${first?.pid ?? "PID"}        # and look here who leads next; kill -STOP and -CONT work too`,
    "",
    "Ctrl-C ends all.",
    "",
  ];
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function time(): string {
  return new Date().toISOString().slice(11, 23);
}
