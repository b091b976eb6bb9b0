package fetcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// smallestPage is the page size below which pages are not divided further. A portal that refuses this many rows or cells refuses
// something else.
const smallestPage = 100

// errSmallest reports that pages cannot be divided further.
var errSmallest = errors.New("the pages cannot be smaller")

// isTooLarge reports whether a portal refused the size of a page.
func isTooLarge(err error) bool {
	var refused *source.PermanentError
	return errors.As(err, &refused) && refused.TooLarge
}

// smaller returns the manifest of a new attempt with pages of half the size, after the portal refused the size of a page. Sizes are
// always halved from the contract's, so that an unchanged source is divided into the same pages each time.
func (x *extraction) smaller(ctx context.Context, m lake.Manifest, refused error) (lake.Manifest, error) {
	kind, err := portals.All.Find(x.target.Kind)
	if err != nil {
		return m, runtime.Permanent(err)
	}
	size := x.target.PageSize
	if size <= 0 {
		size = kind.PageSize.Default
	}
	size = min(size, kind.PageSize.Max) / 2
	switch {
	case size >= smallestPage:
	case refused != nil:
		return m, refused
	default:
		return m, errSmallest
	}
	if refused != nil {
		x.ports.Log.WarnContext(ctx, fmt.Sprintf("the portal refused the size of a page; restarting with pages of %d; "+
			"set llacPageSize in the contract to avoid that", size), "error", refused.Error())
	}
	x.target.PageSize = size
	description, err := x.client.Describe(ctx, x.target, events.Validators{})
	if err != nil {
		return m, err
	}
	return x.manifest(description, m.Restarts), nil
}
