import type { OperationName } from "../../protocol/schema/messages.js";
import type { RpcServer } from "../gateway/rpc-server.js";
import type { AdminServices } from "./admin-services.js";
import { BlockRequests } from "./block-requests.js";
import { ContainerCreations } from "./container-creations.js";
import { ContainerMutations } from "./container-mutations.js";
import { ContainerRequests } from "./container-requests.js";
import { GroupRequests } from "./group-requests.js";
import { HistoryRequests } from "./history-requests.js";
import { Mutations } from "./mutations.js";
import { NodeRequests } from "./node-requests.js";
import { PipelineRequests } from "./pipeline-requests.js";
import { ReadRequests } from "./read-requests.js";
import { linearizable, type Read } from "./reads.js";
import { ScmRequests } from "./scm-requests.js";
import { TopologyRequests } from "./topology-requests.js";

/** Serves `/admin`: which operation is whose. */
export function serveAdmin(server: RpcServer, services: AdminServices): void {
  const mutations = new Mutations(services);
  const scm = new ScmRequests(services, mutations);
  const group = new GroupRequests(services, mutations);
  const history = new HistoryRequests(services);
  const nodes = new NodeRequests(services, mutations);
  const topology = new TopologyRequests(services);
  const blocks = new BlockRequests(services);
  const creations = new ContainerCreations(services, mutations);
  const pipelines = new PipelineRequests(services, mutations);
  const containers = new ContainerRequests(services);
  const located = new ReadRequests(services);
  const changes = new ContainerMutations(services, mutations);
  const read = <N extends OperationName>(name: N, handler: Read<N>): void => {
    server.handle(name, linearizable(services.consensus, handler));
  };

  server.handle("openSession", (session, request, answer) => scm.openSession(session, request, answer));
  server.handle("scmInfo", (session, request, answer) => scm.info(session, request, answer));
  server.handle("scmRoles", (session, request, answer) => group.roles(session, request, answer));
  server.handle("addScm", (session, request, answer) => group.add(session, request, answer));
  server.handle("decommissionScm", (session, request, answer) => {
    group.decommission(session, request, answer);
  });
  server.handle("transferLeadership", (session, request, answer) => {
    group.transfer(session, request, answer);
  });
  read("listHistory", (request, answer) => history.list(request, answer));

  read("listNodes", (request, answer) => nodes.list(request, answer));
  read("getNode", (request, answer) => nodes.get(request, answer));
  server.handle("setNodeOperationalState", (session, request, answer) => {
    nodes.setOperationalState(session, request, answer);
  });

  read("getClusterTree", (request, answer) => topology.tree(request, answer));
  read("sortDatanodes", (request, answer) => topology.sort(request, answer));

  read("listPipelines", (request, answer) => pipelines.list(request, answer));
  read("getPipeline", (request, answer) => pipelines.get(request, answer));
  server.handle("createPipeline", (session, request, answer) => pipelines.create(session, request, answer));
  server.handle("closePipeline", (session, request, answer) => pipelines.close(session, request, answer));
  server.handle("activatePipeline", (session, request, answer) => {
    pipelines.activate(session, request, answer);
  });
  server.handle("deactivatePipeline", (session, request, answer) => {
    pipelines.deactivate(session, request, answer);
  });

  read("listNodeContainers", (request, answer) => containers.ofNode(request, answer));

  server.handle(
    "allocateBlocks",
    (session, request, answer) => blocks.allocate(session, request, answer),
    true,
  );
  read("listContainers", (request, answer) => containers.list(request, answer));
  read("listContainerIds", (request, answer) => containers.listIds(request, answer));
  read("getContainer", (request, answer) => containers.get(request, answer));
  read("getContainers", (request, answer) => containers.getMany(request, answer));
  read("getContainersWithPipelines", (request, answer) => located.containers(request, answer));
  read("getContainerReplicas", (request, answer) => containers.replicas(request, answer));
  read("getContainerCount", (request, answer) => containers.count(request, answer));
  read("containerReport", (request, answer) => containers.report(request, answer));
  server.handle("suppressContainers", (session, request, answer) => {
    changes.suppress(session, request, answer);
  });
  server.handle("allocateContainer", (session, request, answer) => {
    creations.allocate(session, request, answer);
  });
  server.handle("import", (session, request, answer) => changes.import(session, request, answer));
  server.handle("endImport", (session, request, answer) => changes.endImport(session, request, answer));
  server.handle("closeContainer", (session, request, answer) => changes.close(session, request, answer));
  server.handle("deleteContainer", (session, request, answer) => changes.delete(session, request, answer));
  server.handle("reconcileContainer", (session, request, answer) => {
    changes.reconcile(session, request, answer);
  });
}
