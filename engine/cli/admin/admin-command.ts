import type { Command } from "commander";
import type { CommandContext } from "../context.js";
import { addContainerClose, addContainerDelete } from "./container-close.js";
import { addContainerCreate } from "./container-create.js";
import { addContainerImport } from "./container-import.js";
import { addContainerInfo } from "./container-info.js";
import { addContainerList } from "./container-list.js";
import { addContainerReconcile } from "./container-reconcile.js";
import { addContainerReport } from "./container-report.js";
import { addContainerSuppress } from "./container-suppress.js";
import { addDatanodeContainers } from "./datanode-containers.js";
import { addDatanodeInfo, addDatanodeList } from "./datanode-list.js";
import { addDatanodeUsageInfo } from "./datanode-usageinfo.js";
import { addHistory } from "./history.js";
import {
  addPipelineActivate,
  addPipelineClose,
  addPipelineCreate,
  addPipelineDeactivate,
} from "./pipeline-changes.js";
import { addPipelineList } from "./pipeline-list.js";
import { addPrintTopology } from "./print-topology.js";
import { addScmGroupCommands } from "./scm-group.js";
import { addScmRoles } from "./scm-roles.js";

/** `strata admin`: names, options and output of `ozone admin` (spec 09 §9). */
export function addAdminCommand(parent: Command, context: CommandContext): void {
  const admin = parent.command("admin").description("asks and tells a running SCM");
  const scm = admin.command("scm").description("SCMs of the cluster");
  addScmRoles(scm, context);
  addScmGroupCommands(scm, context);
  addHistory(admin, context);
  addPrintTopology(admin, context);
  const datanode = admin.command("datanode").description("datanodes");
  addDatanodeList(datanode, context);
  addDatanodeInfo(datanode, context);
  addDatanodeUsageInfo(datanode, context);
  addDatanodeContainers(datanode, context);
  const container = admin.command("container").description("containers");
  addContainerList(container, context);
  addContainerInfo(container, context);
  addContainerReport(container, context);
  addContainerCreate(container, context);
  addContainerClose(container, context);
  addContainerDelete(container, context);
  addContainerReconcile(container, context);
  addContainerImport(container, context);
  addContainerSuppress(container, context);
  const pipeline = admin.command("pipeline").description("pipelines");
  addPipelineList(pipeline, context);
  addPipelineCreate(pipeline, context);
  addPipelineClose(pipeline, context);
  addPipelineActivate(pipeline, context);
  addPipelineDeactivate(pipeline, context);
}
