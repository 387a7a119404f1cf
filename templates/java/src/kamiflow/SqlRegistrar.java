package kamiflow;

import java.util.Map;
import org.apache.beam.sdk.expansion.ExternalTransformRegistrar;
import org.apache.beam.sdk.extensions.sql.SqlTransform;
import org.apache.beam.sdk.transforms.ExternalTransformBuilder;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PInput;
import org.apache.beam.sdk.values.Row;

/**
 * Offers Beam SQL under the name that Python's SqlTransform asks for.
 *
 * <p>Beam's own registrar is in the expansion service of Beam SQL, which needs ZetaSQL as well.
 */
public final class SqlRegistrar implements ExternalTransformRegistrar {
  @Override
  public Map<String, ExternalTransformBuilder<?, ?, ?>> knownBuilderInstances() {
    return Map.of("beam:external:java:sql:v1", new Builder());
  }

  /** The fields that Python sends. */
  public static final class Config {
    private String query;
    private String dialect;
    private String ddl;

    public void setQuery(String query) {
      this.query = query;
    }

    public void setDialect(String dialect) {
      this.dialect = dialect;
    }

    public void setDdl(String ddl) {
      this.ddl = ddl;
    }
  }

  /** Makes Beam SQL's transform, in its default dialect. */
  public static final class Builder
      implements ExternalTransformBuilder<Config, PInput, PCollection<Row>> {
    @Override
    public PTransform<PInput, PCollection<Row>> buildExternal(Config config) {
      if (config.dialect != null && !config.dialect.equalsIgnoreCase("calcite")) {
        throw new IllegalArgumentException(
            "dialect is \"" + config.dialect + "\"; this service knows calcite alone");
      }
      SqlTransform transform = SqlTransform.query(config.query);
      return config.ddl == null ? transform : transform.withDdlString(config.ddl);
    }
  }
}
