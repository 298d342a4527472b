// Package shim hands out the random provider, whose constructor is internal to its module.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	internal "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// New makes the random provider.
func New() provider.Provider { return internal.New() }
