// Package shim hands out the docker provider, whose constructor is internal to its module.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	internal "github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// New makes the docker provider as the given version of it.
func New(version string) *schema.Provider { return internal.New(version)() }
