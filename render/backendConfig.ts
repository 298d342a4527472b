import { type ConfigOverrides, type ServiceConfig, withOverrides } from "./serviceConfig.ts";
import { renderYaml } from "./yaml.ts";

export interface BackendConfig {
  /** With the user and password in it. Secret. */
  readonly databaseUri: string;
  /** The operator's own values. @default none */
  readonly overrides?: ConfigOverrides;
}

/** The Backend reads every one of them without a fallback: a missing key ends it at start. */
export const backendConfigDefaults: ServiceConfig = {
  debug_mode_flask: false,
  debug: false,
  print_time_comparison: false,
  print_pre_time_filtered_data: false,
  print_time_filtered_data: false,
  print_response: false,
  add_missing_data_to_response_on_missing_time: false,
  db_name: "priv_backend",
  col_name: "enc_data",
};

/** The Backend's config.yaml. @throws RangeError for a key or value that the Backend can't use */
export function renderBackendConfig({ databaseUri, overrides = {} }: BackendConfig): string {
  return renderYaml({
    backed_DB_uri: databaseUri,
    ...withOverrides(backendConfigDefaults, overrides, ["backed_DB_uri"], ["debug_mode_flask"]),
  });
}
