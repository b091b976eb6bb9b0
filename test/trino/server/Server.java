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
 * A Trino of one node on 127.0.0.1 and a free port, over a folder of this machine, until its standard input ends. The
 * catalog is called as Athena's is.
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
        System.exit(0); // Trino leaves threads behind
    }

    private static void serve(Path folder) throws Exception {
        Session session = testSessionBuilder().setIdentity(Identity.ofUser("llac")).build();
        try (DistributedQueryRunner trino = DistributedQueryRunner.builder(session)
                .setNodeCount(1)
                // Nobody asks about a query that has ended, and the plans of a hundred fill the memory.
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
                // until whoever started this goes
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
