import { type ConfigOverrides, type ServiceConfig, withOverrides } from "./serviceConfig.ts";
import { renderYaml } from "./yaml.ts";

export interface BackendConfig {
  /** With user and password. Secret. */
  readonly databaseUri: string;
  /** The operator's own values. @default none */
  readonly overrides?: ConfigOverrides;
}

/** The Backend has no fallback for any of them: without one of these keys it ends at the start. */
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
