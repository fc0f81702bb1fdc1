import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;

/** Writes the file descriptors that the named outer classes of generated code hold, as one FileDescriptorSet. */
public class Descriptors {
  public static void main(String[] outerClasses) throws Exception {
    FileDescriptorSet.Builder set = FileDescriptorSet.newBuilder();
    for (String name : outerClasses) {
      FileDescriptor file = (FileDescriptor) Class.forName(name).getMethod("getDescriptor").invoke(null);
      set.addFile(file.toProto());
    }
    set.build().writeTo(System.out);
  }
}
