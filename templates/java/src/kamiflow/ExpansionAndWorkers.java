package kamiflow;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import org.apache.beam.fn.harness.ExternalWorkerService;
import org.apache.beam.runners.fnexecution.artifact.ArtifactRetrievalService;
import org.apache.beam.sdk.expansion.service.ExpansionService;
import org.apache.beam.sdk.expansion.service.ExpansionServiceOptions;
import org.apache.beam.sdk.fn.server.GrpcContextHeaderAccessorProvider;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.vendor.grpc.v1p69p0.io.grpc.Server;
import org.apache.beam.vendor.grpc.v1p69p0.io.grpc.netty.NettyServerBuilder;

/**
 * Expands Java transforms and runs them, on one port of the loopback interface.
 *
 * <p>Arguments: the port; a small file that is staged in place of the class path, which this
 * process has already; then options of the workers' pipelines.
 */
public final class ExpansionAndWorkers {
  private static final int LARGEST_REQUEST_BYTES = 64 << 20;

  private ExpansionAndWorkers() {}

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    String[] workerOptions = Arrays.copyOfRange(arguments, 2, arguments.length);
    String address = "127.0.0.1:" + port;
    ExpansionService expansion =
        new ExpansionService(
            PipelineOptionsFactory.fromArgs(
                    "--javaClassLookupAllowlistFile=*",
                    "--defaultEnvironmentType=EXTERNAL",
                    "--defaultEnvironmentConfig=" + address,
                    "--filesToStage=" + arguments[1])
                .as(ExpansionServiceOptions.class));
    Server server =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port))
            .maxInboundMessageSize(LARGEST_REQUEST_BYTES)
            .intercept(GrpcContextHeaderAccessorProvider.interceptor())
            .addService(expansion)
            .addService(new ArtifactRetrievalService())
            .addService(
                new ExternalWorkerService(PipelineOptionsFactory.fromArgs(workerOptions).create()))
            .build()
            .start();
    System.out.println("Expansion service and Java workers at " + address);
    server.awaitTermination();
  }
}
