package staging

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/folder"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// wrongPage reports a page that is not one of the dataset, or not one of the portal that a person vouches for.
type wrongPage struct{ file, why, fix string }

func (e *wrongPage) Error() string { return e.file + ": " + e.why }

// checkPages makes the reading of each page check what its bytes state of themselves.
//
// Invariant 11: the bytes decide, whatever a person states.
func (o Options) checkPages(c *contract.Contract, pages *folder.Pages) error {
	kind, err := portals.All.Find(c.Source.Kind)
	if err != nil {
		return fault.New(fault.Contract, err, "")
	}
	for i := range pages.Pages {
		page := &pages.Pages[i]
		read := page.Read
		page.Read = func(ctx context.Context, into []byte) ([]byte, error) {
			body, err := read(ctx, into)
			if err == nil {
				err = o.checkPage(kind, c, page.Key, body)
			}
			return body, err
		}
	}
	return nil
}

func (o Options) checkPage(kind source.Kind, c *contract.Contract, file string, body []byte) error {
	id := source.NoIdentity()
	id.Simulated = source.HasMark(body)
	if kind.StatesSource {
		reader := kind.Reader()
		if reader.Rows(body, func(source.Row) error { return nil }) == nil { // the engine quarantines a malformed page
			id = reader.Identity()
		}
	}
	err := kind.CheckSource(c.Target(o.Slice), source.Description{SourceSystem: o.SourceSystem}, id)
	var m *source.MismatchError
	switch {
	case err == nil:
		return nil
	case id.Simulated && errors.As(err, &m) && (id.Source == "" || id.Source == c.Source.ID):
		return &wrongPage{file, "the page has the mark of the portal simulator: no portal sent it", "leave --source-system out"}
	}
	return &wrongPage{file, fmt.Sprintf("the page is not one of %s: %v", c.Dataset, err),
		"remove the page, or name the contract of its dataset"}
}
