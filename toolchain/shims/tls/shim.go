// Package shim hands out the tls provider, whose constructor is internal to its module.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	internal "github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// New makes the tls provider.
func New() provider.Provider { return internal.New() }
