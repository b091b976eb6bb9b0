import static io.trino.testing.TestingSession.testSessionBuilder;

import io.trino.Session;
import io.trino.plugin.hive.HiveConnectorFactory;
import io.trino.spi.Plugin;
import io.trino.spi.connector.ConnectorFactory;
import io.trino.spi.security.Identity;
import io.trino.testing.DistributedQueryRunner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Runs a Trino of one node over a local folder, on a free port of 127.0.0.1, until its standard input is closed. The
 * catalog has the name of Athena's.
 */
public final class Server {
    private Server() {}

    public static void main(String[] args) {
        try {
            serve(Path.of(args[0]).toAbsolutePath());
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.exit(0); // threads of Trino are still running
    }

    private static void serve(Path folder) throws Exception {
        Session session = testSessionBuilder().setIdentity(Identity.ofUser("llac")).build();
        try (DistributedQueryRunner trino = DistributedQueryRunner.builder(session)
                .setNodeCount(1)
                // The history of finished queries is not read, and the plans of a hundred queries fill the memory.
                .setExtraProperties(Map.of("query.max-history", "5"))
                .setBaseDataDir(Optional.of(folder.resolve("node")))
                .build()) {
            trino.installPlugin(new Hive());
            trino.createCatalog("awsdatacatalog", "hive", Map.of(
                    "hive.metastore", "file",
                    "hive.metastore.catalog.dir", folder.resolve("warehouse").toUri().toString(),
                    "hive.security", "allow-all",
                    "hive.storage-format", "PARQUET",
                    "hive.allow-register-partition-procedure", "true"));
            System.out.println("listening on " + trino.getCoordinator().getBaseUrl());
            while (System.in.read() >= 0) {
                // wait until the process that started this one exits
            }
        }
    }

    private static final class Hive implements Plugin {
        @Override
        public Iterable<ConnectorFactory> getConnectorFactories() {
            return List.of(new HiveConnectorFactory());
        }
    }
}
