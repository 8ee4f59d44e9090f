package io.tidemark.stream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.Resource;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * A broker with a listener as that of the Kubernetes component {@code strimzi}: TLS with a certificate of an authority
 * of its own, SCRAM-SHA-512, and an authorizer. It has the component's users, rights and topics, one replica each.
 */
final class SecuredBroker implements AutoCloseable {

    private static final Path STRIMZI = Path.of("k8s/components/strimzi");
    private static final Path TLS = Path.of("k8s/components/tls");
    private static final String STORE_PASSWORD = "store-password";
    private static final String SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required";
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    private final EmbeddedBroker broker;
    private final int port;
    private final Path authority;

    private SecuredBroker(EmbeddedBroker broker, int port, Path authority) {
        this.broker = broker;
        this.port = port;
        this.authority = authority;
    }

    /** @param folder for certificates */
    static SecuredBroker start(Path folder) throws Exception {
        Path keys = folder.resolve("keys.p12");
        Path authority = folder.resolve("ca.crt");
        createCertificate(keys, authority);
        List<Integer> ports = freePorts(3);
        String open = "PLAINTEXT://127.0.0.1:" + ports.get(0);
        String secured = "SECURED://127.0.0.1:" + ports.get(1);
        Map<String, String> settings = Map.ofEntries(
                Map.entry("listeners", open + "," + secured + ",CONTROLLER://127.0.0.1:" + ports.get(2)),
                Map.entry("advertised.listeners", open + "," + secured),
                Map.entry("controller.quorum.voters", "1@127.0.0.1:" + ports.get(2)),
                Map.entry(
                        "listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT"),
                Map.entry("sasl.enabled.mechanisms", "SCRAM-SHA-512"),
                Map.entry("listener.name.secured.scram-sha-512.sasl.jaas.config", SCRAM + ";"),
                Map.entry("ssl.keystore.type", "PKCS12"),
                Map.entry("ssl.keystore.location", keys.toString()),
                Map.entry("ssl.keystore.password", STORE_PASSWORD),
                Map.entry("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
                // the broker itself, and this class, on the listener without TLS
                Map.entry("super.users", "User:ANONYMOUS"));
        EmbeddedBroker broker = EmbeddedBroker.start(new BrokerOptions(ports.get(0), Optional.empty(), settings));
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            admin.createTopics(topics()).all().get();
            for (JsonNode user : documents(STRIMZI.resolve("users.yaml"))) {
                String name = user.at("/metadata/name").asText();
                UserScramCredentialAlteration password = new UserScramCredentialUpsertion(
                        name, new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password(name));
                admin.alterUserScramCredentials(List.of(password)).all().get();
                admin.createAcls(rights(name, user)).all().get();
            }
        }
        return new SecuredBroker(broker, ports.get(1), authority);
    }

    /** The address of the listener with TLS. */
    String bootstrapServers() {
        return "127.0.0.1:" + port;
    }

    /** The variables that the components {@code tls} and {@code strimzi} set, without the address of the brokers. */
    Map<String, String> environment(String user) {
        Map<String, String> environment = new HashMap<>();
        for (Path component : List.of(TLS, STRIMZI)) {
            documents(component.resolve("kustomization.yaml"))
                    .get(0)
                    .path("configMapGenerator")
                    .forEach(map -> map.path("literals").forEach(literal -> {
                        String[] variable = literal.asText().split("=", 2);
                        environment.put(variable[0], variable[1]);
                    }));
        }
        environment.remove("KAFKA_BOOTSTRAP_SERVERS");
        environment.replace("KAFKA_SSL_TRUSTSTORE_LOCATION", authority.toString());
        // what Strimzi writes to the Secret of the user
        environment.put(
                "KAFKA_SASL_JAAS_CONFIG", SCRAM + " username=\"" + user + "\" password=\"" + password(user) + "\";");
        return environment;
    }

    /** The same for a client in this JVM. */
    Map<String, String> clientProperties(String user) {
        Map<String, String> properties = environment(user).entrySet().stream()
                .filter(variable -> variable.getKey().startsWith("KAFKA_"))
                .collect(Collectors.toMap(
                        variable -> variable.getKey()
                                .substring("KAFKA_".length())
                                .toLowerCase(Locale.ROOT)
                                .replace('_', '.'),
                        Map.Entry::getValue));
        properties.put("bootstrap.servers", bootstrapServers());
        return properties;
    }

    @Override
    public void close() {
        broker.close();
    }

    private static String password(String user) {
        return "password of " + user;
    }

    private static List<NewTopic> topics() {
        return documents(STRIMZI.resolve("topics.yaml")).stream()
                .map(document -> {
                    Map<String, String> configs = new HashMap<>();
                    document.at("/spec/config")
                            .fields()
                            .forEachRemaining(each ->
                                    configs.put(each.getKey(), each.getValue().asText()));
                    configs.remove("min.insync.replicas");
                    return new NewTopic(
                                    document.at("/metadata/name").asText(),
                                    document.at("/spec/partitions").asInt(),
                                    (short) 1)
                            .configs(configs);
                })
                .toList();
    }

    private static List<AclBinding> rights(String name, JsonNode user) {
        List<AclBinding> rights = new ArrayList<>();
        for (JsonNode acl : user.at("/spec/authorization/acls")) {
            JsonNode resource = acl.path("resource");
            ResourcePattern pattern = new ResourcePattern(
                    ResourceType.fromString(upperCase(resource.path("type"))),
                    // Strimzi names the cluster itself
                    resource.path("name").asText(Resource.CLUSTER_NAME),
                    resource.path("patternType").asText().equals("prefix")
                            ? PatternType.PREFIXED
                            : PatternType.LITERAL);
            acl.path("operations")
                    .forEach(operation -> rights.add(new AclBinding(
                            pattern,
                            new AccessControlEntry(
                                    "User:" + name,
                                    "*",
                                    AclOperation.fromString(upperCase(operation)),
                                    AclPermissionType.ALLOW))));
        }
        return rights;
    }

    /** {@code transactionalId} as {@code TRANSACTIONAL_ID}. */
    private static String upperCase(JsonNode name) {
        return name.asText().replaceAll("(?<=[a-z])(?=[A-Z])", "_").toUpperCase(Locale.ROOT);
    }

    /** Creates a key, and a certificate that is its own authority, with the tool of the JDK. */
    private static void createCertificate(Path keys, Path authority) throws IOException, InterruptedException {
        keytool(
                keys,
                "-genkeypair",
                "-alias",
                "broker",
                "-keyalg",
                "EC",
                "-dname",
                "CN=broker",
                "-ext",
                "san=ip:127.0.0.1");
        keytool(keys, "-exportcert", "-alias", "broker", "-rfc", "-file", authority.toString());
    }

    private static void keytool(Path keys, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(List.of(options));
        command.addAll(List.of("-storetype", "PKCS12", "-keystore", keys.toString(), "-storepass", STORE_PASSWORD));
        Path log = Files.createTempFile("keytool", ".log");
        if (new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start()
                        .waitFor()
                != 0) {
            throw new IOException("keytool: " + Files.readString(log));
        }
        Files.delete(log);
    }

    private static List<Integer> freePorts(int count) throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            return sockets.stream().map(ServerSocket::getLocalPort).toList();
        } finally {
            for (ServerSocket socket : sockets) {
                socket.close();
            }
        }
    }

    private static List<JsonNode> documents(Path file) {
        try (MappingIterator<JsonNode> documents =
                YAML.readerFor(JsonNode.class).readValues(file.toFile())) {
            return documents.readAll();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
