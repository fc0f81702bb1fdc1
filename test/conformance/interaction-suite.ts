import { term } from "../../engine/core/ids.js";
import { encodeConfChange } from "../../engine/raft/conf-change-codec.js";
import type { MessageKind } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import type { ConfChange } from "../../engine/raft/types.js";
import { CONF_CHANGE_TRANSITION, ENTRY_TYPE, nodeId } from "../../engine/raft/types.js";
import { keyedValues, numberNamed, numbersOf, truthValue, wholeNumber, wordAt } from "./arguments.js";
import { parseSteps } from "./conf-change-steps.js";
import type { Directive } from "./datadriven.js";
import { MESSAGE_NAMES } from "./message-text.js";
import { parseNodeOptions } from "./node-options.js";
import { progressLines } from "./raft-text.js";
import type { Recipient } from "./scenario-cluster.js";
import { ScenarioCluster } from "./scenario-cluster.js";
import { CommandError, ScenarioError } from "./scenario-errors.js";
import type { ScenarioNode } from "./scenario-node.js";
import { LOG_LEVELS } from "./scenario-output.js";
import type { Suite } from "./suite.js";
import { BrokenOffError } from "./suite.js";

type Command = (cluster: ScenarioCluster, directive: Directive) => void;

/** Commands of etcd-io/raft rafttest/interaction_env_handler.go: a cluster of cores, with every step done by
 * hand. The output is what the command prints and what the cores log. */
export const interactionSuite: Suite = () => {
  const cluster = new ScenarioCluster();
  const { output } = cluster;
  return (directive) => {
    output.clear();
    try {
      const command = COMMANDS.get(directive.command);
      if (command === undefined) throw new CommandError("unknown command");
      command(cluster, directive);
    } catch (error) {
      if (!(error instanceof CommandError)) throw new BrokenOffError(output.text, error);
      if (output.isQuiet) return error.message;
      output.write(error.message);
    }
    return output.text === "" ? "ok" : output.text;
  };
};

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    "add-nodes",
    (cluster, directive) => {
      const { options, bootstrap } = parseNodeOptions(directive.args.slice(1));
      cluster.addNodes(wholeNumber(wordAt(directive, 0)), options, bootstrap);
    },
  ],
  ["campaign", (cluster, directive) => firstNode(cluster, directive).core.campaign()],
  [
    "compact",
    (cluster, directive) => {
      const node = firstNode(cluster, directive);
      node.storage.truncate(wholeNumber(wordAt(directive, 1)));
      node.printLog();
    },
  ],
  ["deliver-msgs", deliverMessages],
  ["forget-leader", (cluster, directive) => firstNode(cluster, directive).core.forgetLeader()],
  ["log-level", (cluster, directive) => setLogLevel(cluster, wordAt(directive, 0))],
  [
    "process-append-thread",
    (cluster, directive) =>
      eachNode(cluster, directive, "processing append thread", (node) => node.processAppendThread()),
  ],
  [
    "process-apply-thread",
    (cluster, directive) =>
      eachNode(cluster, directive, "processing apply thread", (node) => node.processApplyThread()),
  ],
  [
    "process-ready",
    (cluster, directive) => eachNode(cluster, directive, "handling Ready", (node) => node.processReady()),
  ],
  [
    "propose",
    (cluster, directive) => {
      const { kind } = firstNode(cluster, directive).core.propose([Buffer.from(wordAt(directive, 1))]);
      if (kind === "dropped") throw new CommandError("raft proposal dropped");
    },
  ],
  ["propose-conf-change", proposeConfChange],
  ["raft-log", (cluster, directive) => firstNode(cluster, directive).printLog()],
  ["raft-state", (cluster) => cluster.printRoles()],
  [
    "report-unreachable",
    (cluster, directive) => {
      const ids = numbersOf(directive);
      const [reporting, lost] = ids;
      if (ids.length !== 2 || reporting === undefined || lost === undefined) {
        throw new CommandError(
          "must specify exactly two node indexes: node on which to report, and reported node",
        );
      }
      cluster.node(reporting).core.reportUnreachable(cluster.node(lost).id);
    },
  ],
  [
    "send-snapshot",
    (cluster, directive) => {
      const [from, to] = [wordAt(directive, 0), wordAt(directive, 1)].map(wholeNumber) as [number, number];
      cluster.sendSnapshot(cluster.node(from), cluster.node(to));
    },
  ],
  [
    "set-randomized-election-timeout",
    (cluster, directive) => {
      const ticks = numberNamed(directive, "timeout");
      firstNode(cluster, directive).core.setRandomizedElectionTimeout(ticks);
    },
  ],
  ["stabilize", stabilize],
  [
    "status",
    (cluster, directive) => {
      const { progress } = firstNode(cluster, directive).core.status();
      cluster.output.write(progressLines(progress));
    },
  ],
  [
    "tick-election",
    (cluster, directive) => tick(firstNode(cluster, directive), (node) => node.options.electionTimeoutTicks),
  ],
  [
    "tick-heartbeat",
    (cluster, directive) => tick(firstNode(cluster, directive), (node) => node.options.heartbeatTicks),
  ],
  [
    "transfer-leadership",
    (cluster, directive) => {
      const target = cluster.node(numberNamed(directive, "to"));
      cluster.node(numberNamed(directive, "from")).core.transferLeadership(target.id);
    },
  ],
]);

function firstNode(cluster: ScenarioCluster, directive: Directive): ScenarioNode {
  return cluster.node(wholeNumber(wordAt(directive, 0)));
}

/** With several nodes each has a title, and its output is indented. */
function eachNode(
  cluster: ScenarioCluster,
  directive: Directive,
  title: string,
  run: (node: ScenarioNode) => void,
): void {
  const { output } = cluster;
  const nodes = numbersOf(directive).map((id) => cluster.node(id));
  for (const node of nodes) {
    if (nodes.length === 1) {
      run(node);
    } else {
      output.write(`> ${node.id} ${title}\n`);
      output.indented(() => run(node));
    }
  }
}

function tick(node: ScenarioNode, countOf: (node: ScenarioNode) => number): void {
  for (let count = countOf(node); count > 0; count--) node.core.tick();
}

function setLogLevel({ output }: ScenarioCluster, name: string): void {
  const level = LOG_LEVELS.find((known) => known === name.toUpperCase());
  if (level === undefined) throw new CommandError(`log levels must be either of [${LOG_LEVELS.join(" ")}]`);
  output.level = level;
}

function deliverMessages(cluster: ScenarioCluster, { args }: Directive): void {
  const recipients: Recipient[] = [];
  let kind: MessageKind | undefined;
  for (const { key, values } of args) {
    if (values.length === 0) recipients.push({ id: nodeId(wholeNumber(key)), isDropping: false });
    for (const value of values) {
      if (key === "type") kind = messageKindNamed(value);
      if (key === "drop") {
        const id = nodeId(wholeNumber(value));
        if (recipients.some((recipient) => recipient.id === id)) {
          throw new ScenarioError(`can't both deliver and drop messages to ${id}`);
        }
        recipients.push({ id, isDropping: true });
      }
    }
  }
  if (cluster.deliver(recipients, kind) === 0) cluster.output.write("no messages\n");
}

function messageKindNamed(name: string): MessageKind {
  const kind = Object.values(MESSAGE_KIND).find((known) => MESSAGE_NAMES[known] === name);
  if (kind === undefined) throw new ScenarioError(`unknown message type ${name}`);
  return kind;
}

/** Arguments: the nodes, all when there are none, and `log-level=LEVEL` for as long as it takes. */
function stabilize(cluster: ScenarioCluster, directive: Directive): void {
  const { output } = cluster;
  const ids = numbersOf(directive);
  const before = output.level;
  try {
    for (const [key, value] of keyedValues(directive.args)) {
      if (key === "log-level") setLogLevel(cluster, value);
    }
    cluster.stabilize(ids.length === 0 ? cluster.nodes : ids.map((id) => cluster.node(id)));
  } finally {
    output.level = before;
  }
}

const TRANSITIONS: Readonly<Record<string, ConfChange["transition"]>> = {
  auto: CONF_CHANGE_TRANSITION.AUTO,
  implicit: CONF_CHANGE_TRANSITION.JOINT_IMPLICIT,
  explicit: CONF_CHANGE_TRANSITION.JOINT_EXPLICIT,
};

/** `propose-conf-change NODE [v1=BOOL] [transition=auto|implicit|explicit]`, with the steps as input. */
function proposeConfChange(cluster: ScenarioCluster, directive: Directive): void {
  const { core, id } = firstNode(cluster, directive);
  let isV1 = false;
  let transition: ConfChange["transition"] = CONF_CHANGE_TRANSITION.AUTO;
  for (const [key, value] of keyedValues(directive.args.slice(1))) {
    switch (key) {
      case "v1":
        isV1 = truthValue(value);
        break;
      case "transition": {
        const named = TRANSITIONS[value];
        if (named === undefined) throw new CommandError(`unknown transition ${value}`);
        transition = named;
        break;
      }
      default:
        throw new CommandError(`unknown command ${key}`);
    }
  }
  const change = { transition, steps: parseSteps(directive.input), context: new Uint8Array(0) };
  if (!isV1) {
    if (core.proposeConfChange(change).kind === "dropped") throw new CommandError("raft proposal dropped");
    return;
  }
  if (change.steps.length === 0) throw new ScenarioError("a v1 change needs an operation");
  if (change.steps.length > 1 || transition !== CONF_CHANGE_TRANSITION.AUTO) {
    throw new CommandError("v1 conf change can only have one operation and no transition");
  }
  const proposals = [{ type: ENTRY_TYPE.CONF_CHANGE_V1, payload: encodeConfChange(change) }];
  const result = core.step({ kind: MESSAGE_KIND.PROP, from: id, to: id, term: term(0), proposals });
  if (result === "dropped") throw new CommandError("raft proposal dropped");
}
