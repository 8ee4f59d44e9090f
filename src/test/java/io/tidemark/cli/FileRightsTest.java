package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.Cluster;
import io.tidemark.client.Topics;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("send --file by a principal that may write requests and not read them")
class FileRightsTest {

    @TempDir
    private Path folder;

    @Test
    @DisplayName("runs a new file; continuing it fails with the missing right, the topic and the way out")
    void cannotContinue() throws Exception {
        Path input = Files.writeString(folder.resolve("in.jsonl"), "{\"prompt\": \"a\"}\n");
        Path output = folder.resolve("out.jsonl");
        Map<String, String> authorizer = Map.of(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found",
                "true");
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.temporary(authorizer))) {
            Cluster cluster = new Cluster(broker.bootstrapServers());
            CommandSettings.createTopics(cluster);
            try (Admin admin = cluster.admin()) {
                // with a rule for the topic, what no rule allows is denied
                admin.createAcls(List.of(new AclBinding(
                                new ResourcePattern(ResourceType.TOPIC, Topics.DEFAULT.requests(), PatternType.LITERAL),
                                new AccessControlEntry("User:*", "*", AclOperation.WRITE, AclPermissionType.ALLOW))))
                        .all()
                        .get();
            }
            assertThat(run(cluster, input, output).err()).contains("(open requests: 1)");
            CommandLineRun second = run(cluster, input, output);
            assertThat(second.exitCode()).isEqualTo(1);
            assertThat(second.err())
                    .contains("the right READ on topic 'generation-requests'")
                    .contains("remove '" + output + ".run'")
                    .contains("sends the lines without a result again");
        }
    }

    private static CommandLineRun run(Cluster cluster, Path input, Path output) {
        return CommandLineRun.of(
                "send",
                "--adapter",
                "echo",
                "--file",
                input.toString(),
                "--output",
                output.toString(),
                "--timeout",
                "1",
                "--broker",
                cluster.brokers());
    }
}
