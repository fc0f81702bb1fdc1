import type { RpcServer } from "../gateway/rpc-server.js";
import type { AdminServices } from "./admin-services.js";
import { ContainerRequests } from "./container-requests.js";
import { GroupRequests } from "./group-requests.js";
import { HistoryRequests } from "./history-requests.js";
import { Mutations } from "./mutations.js";
import { NodeRequests } from "./node-requests.js";
import { ScmRequests } from "./scm-requests.js";

/** Serves `/admin`: which operation is whose. */
export function serveAdmin(server: RpcServer, services: AdminServices): void {
  const mutations = new Mutations(services);
  const scm = new ScmRequests(services, mutations);
  const group = new GroupRequests(services, mutations);
  const history = new HistoryRequests(services);
  const nodes = new NodeRequests(services, mutations);
  const containers = new ContainerRequests(services, mutations);

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
  server.handle("listHistory", (_, request, answer) => history.list(request, answer));
  server.handle("listPipelines", (session, request, answer) => scm.listPipelines(session, request, answer));

  server.handle("listNodes", (session, request, answer) => nodes.list(session, request, answer));
  server.handle("getNode", (session, request, answer) => nodes.get(session, request, answer));
  server.handle("setNodeOperationalState", (session, request, answer) => {
    nodes.setOperationalState(session, request, answer);
  });

  server.handle("listContainers", (session, request, answer) => containers.list(session, request, answer));
  server.handle("getContainer", (session, request, answer) => containers.get(session, request, answer));
  server.handle("getContainerReplicas", (session, request, answer) => {
    containers.replicas(session, request, answer);
  });
  server.handle("suppressContainers", (session, request, answer) => {
    containers.suppress(session, request, answer);
  });
  server.handle("import", (session, request, answer) => containers.import(session, request, answer));
}
