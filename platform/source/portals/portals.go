// Package portals lists the portal kinds that Llac reads.
package portals

import (
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/socrata"
)

// All lists every portal kind. Adding a kind is adding its package's Kind here; contracts, clients, readers, the
// allow-list, --portal and the simulator's flags derive from this list.
var All = source.Kinds{
	socrata.Kind,
	idescat.Kind,
	ckan.Kind,
}
