import com.google.protobuf.ByteString;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.hdds.client.ECReplicationConfig;
import org.apache.hadoop.hdds.protocol.DatanodeDetails;
import org.apache.hadoop.hdds.protocol.DatanodeID;
import org.apache.hadoop.hdds.protocol.proto.HddsProtos.NodeOperationalState;
import org.apache.hadoop.hdds.protocol.proto.HddsProtos.ReplicationFactor;
import org.apache.hadoop.hdds.protocol.proto.HddsProtos.ReplicationType;
import org.apache.hadoop.hdds.protocol.proto.StorageContainerDatanodeProtocolProtos.DeletedBlocksTransaction;
import org.apache.hadoop.hdds.protocol.proto.StorageContainerDatanodeProtocolProtos.LayoutVersionProto;
import org.apache.hadoop.hdds.protocol.proto.StorageContainerDatanodeProtocolProtos.ReplicationCommandPriority;
import org.apache.hadoop.hdds.scm.pipeline.PipelineID;
import org.apache.hadoop.hdds.scm.server.SCMDatanodeProtocolServer;
import org.apache.hadoop.ozone.protocol.commands.*;

/** Writes every command of spec 12 §5.4 as the released SCM does to the named file: a line with its name, its id
 * and its bytes each. test/support/hadoop/golden-commands.ts says the same in records. */
public class Commands {
  private static final List<String> LINES = new ArrayList<>();
  private static final PipelineID PIPELINE =
      PipelineID.valueOf(UUID.fromString("f0000000-0000-4000-8000-00000000000f"));

  public static void main(String[] args) throws Exception {
    DatanodeDetails one = datanode("10000000-0000-4000-8000-000000000001", 1);
    DatanodeDetails two = datanode("f2000000-0000-4000-8000-000000000002", 2);
    write("reregister", new ReregisterCommand());
    DeletedBlocksTransaction blocks = DeletedBlocksTransaction.newBuilder().setTxID(7).setContainerID(8)
        .addLocalID(117_093_590_311_632_896L).addLocalID(5).setCount(0).setTotalBlockSize(4096)
        .setTotalBlockReplicatedSize(12288).setTotalSizePerReplica(4096).build();
    write("deleteBlocks", new DeleteBlocksCommand(List.of(blocks)));
    write("closeContainer", new CloseContainerCommand(300, PIPELINE, true));
    write("deleteContainer", new DeleteContainerCommand(301, true));
    ReplicateContainerCommand toTarget = ReplicateContainerCommand.toTarget(302, one);
    toTarget.setReplicaIndex(3);
    toTarget.setPriority(ReplicationCommandPriority.LOW);
    write("replicateToTarget", toTarget);
    write("replicateFromSources", ReplicateContainerCommand.fromSources(303, List.of(one, two)));
    write("createPipeline", new CreatePipelineCommand(41, PIPELINE, ReplicationType.RATIS,
        ReplicationFactor.THREE, List.of(one, two), List.of(1, 0)));
    write("closePipeline", new ClosePipelineCommand(42, PIPELINE));
    write("setNodeOperationalState",
        new SetNodeOperationalStateCommand(43, NodeOperationalState.ENTERING_MAINTENANCE, 1_800_000_000L));
    LayoutVersionProto layout = LayoutVersionProto.newBuilder().setMetadataLayoutVersion(10)
        .setSoftwareLayoutVersion(10).build();
    write("finalizeNewLayoutVersion", new FinalizeNewLayoutVersionCommand(true, layout, 44));
    write("refreshVolumeUsageInfo", new RefreshVolumeUsageCommand());
    write("reconstructECContainers", new ReconstructECContainersCommand(304,
        List.of(new ReconstructECContainersCommand.DatanodeDetailsAndReplicaIndex(one, 1),
            new ReconstructECContainersCommand.DatanodeDetailsAndReplicaIndex(two, 3)),
        List.of(two), ByteString.copyFrom(new byte[] {2}),
        new ECReplicationConfig(3, 2, ECReplicationConfig.EcCodec.RS, 1024 * 1024), 45));
    write("reconcileContainer", new ReconcileContainerCommand(305, new LinkedHashSet<>(List.of(one, two))));
    Files.write(Path.of(args[0]), LINES);
  }

  private static void write(String name, SCMCommand<?> command) throws Exception {
    command.setTerm(6);
    if (name.startsWith("replicate")) command.setDeadline(1_700_000_000_000L);
    byte[] bytes = SCMDatanodeProtocolServer.getCommandResponse(command, null).toByteArray();
    LINES.add(name + " " + command.getId() + " " + HexFormat.of().formatHex(bytes));
  }

  private static DatanodeDetails datanode(String uuid, int number) {
    return DatanodeDetails.newBuilder().setID(DatanodeID.fromUuidString(uuid)).setIpAddress("10.0.0." + number)
        .setHostName("dn" + number + ".example.com").setNetworkLocation("/rack" + number)
        .setPersistedOpState(NodeOperationalState.IN_SERVICE).setPersistedOpStateExpiry(0).setCurrentVersion(3)
        .addPort(DatanodeDetails.newRatisPort(9858)).addPort(DatanodeDetails.newStandalonePort(9859)).build();
  }
}
