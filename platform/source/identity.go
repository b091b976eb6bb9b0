package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Identity is what a page states of itself in its own bytes, apart from its rows. The pages of some kinds state little or
// nothing: an empty text or list and a negative number mean that the page does not state it.
type Identity struct {
	Source    string   // id of the table or resource, in the form of the kind's IDRule
	Simulated bool     // the page has the simulator's mark (invariant 11)
	Version   string   // version of the source, such as the date of a table
	Fields    []string // names of the source's fields

	Offset int64 // number of rows before the page
	Limit  int64 // largest number of rows that the portal put into the page
	Total  int64 // number of rows of the source

	Codes map[string][]string // of a cube: the category codes of each dimension
}

// NoIdentity is the identity of a page that states nothing.
func NoIdentity() Identity { return Identity{Offset: -1, Limit: -1, Total: -1} }

// HasMark reports whether a page of rows has the simulator's mark: the name of the field Origin, as a JSON string. A cube has its
// mark in another form; its reader finds it.
func HasMark(page []byte) bool { return bytes.Contains(page, mark) }

var mark = []byte(`"` + Origin + `"`)

// MismatchError reports that a page is not the page that was requested: it states another source or another part, or it
// contains rows of another page.
type MismatchError struct {
	Reason string
	// Fix is what a person can do if every try brings the same. Empty: a later try may bring the right page.
	Fix string
	// Repeated: the page has rows of another page of the attempt. Either page may be the wrong one.
	Repeated bool
}

func (e *MismatchError) Error() string { return e.Reason }

func mismatch(fix, format string, args ...any) error {
	return &MismatchError{Reason: fmt.Sprintf(format, args...), Fix: fix}
}

// CheckSource compares what a page states of its source with the target and the description. The error is a *MismatchError.
func (k Kind) CheckSource(t Target, d Description, id Identity) error {
	if id.Source != "" && id.Source != t.ID {
		return mismatch("check the source id in "+contractFile+"; if it is correct, report to the portal's operators that they send "+
			"another dataset", "the page states that it belongs to %q, but %q was requested", Clip(id.Source, 80), t.ID)
	}
	if id.Simulated && isOfficial(d.SourceSystem) {
		return mismatch("check which server responds in the portal's name", "the page has the mark of the portal simulator, but it comes "+
			"from %s", d.SourceSystem)
	}
	if len(id.Fields) == 0 || len(d.Fields) == 0 || slices.EqualFunc(id.Fields, d.Fields,
		func(name string, f SourceField) bool { return name == f.Name }) {
		return nil
	}
	return mismatch("", "the page states %d fields, which are not the %d fields that the source described", len(id.Fields), len(d.Fields))
}

// isOfficial reports whether a source system is a portal.
func isOfficial(system string) bool {
	return system != "" && system != Simulator && !IsUnofficial(system)
}

// CheckPart compares a page with its request, which is d.Pages[p.Index]. The error is a *MismatchError.
func (k Kind) CheckPart(d Description, p Page) error {
	if p.Index < 0 || p.Index >= len(d.Pages) {
		return mismatch("", "the extraction has no page %d", p.Index)
	}
	request, asked := d.Pages[p.Index], NoIdentity()
	if k.Asked != nil {
		var err error
		if asked, err = k.Asked(request); err != nil {
			return mismatch("describe the source again", "%v", err)
		}
	}
	id := p.Identity
	switch {
	case id.Version != "" && d.Validators.UpdatedAt != "" && id.Version != d.Validators.UpdatedAt:
		return mismatch("", "the page is of version %q, but version %q was described", Clip(id.Version, 80), d.Validators.UpdatedAt)
	case id.Total >= 0 && d.Rows >= 0 && id.Total != d.Rows:
		return mismatch("", "the page states that the source has %d rows, but %d were described", id.Total, d.Rows)
	case asked.Offset >= 0 && id.Offset >= 0 && id.Offset != asked.Offset:
		return mismatch("", "the page states that it starts at row %d, but row %d was requested", id.Offset, asked.Offset)
	case asked.Limit > 0 && id.Limit >= 0 && id.Limit < request.Rows:
		return pageCap(id.Limit, asked.Limit)
	}
	if id.Codes != nil {
		return checkCells(asked.Codes, request, p)
	}
	return checkRows(asked.Limit, request.Rows, p, p.Index == len(d.Pages)-1)
}

// pageCap returns the error of a portal that states that it serves fewer rows per page than requested: the offsets were planned
// for larger pages, so rows between the pages would be omitted.
func pageCap(served, requested int64) error {
	return mismatch(fmt.Sprintf("set llacPageSize to %d in %s: set a smaller page size where the portal has a limit", served, contractFile),
		"the portal serves at most %d rows per page, %d were requested", served, requested)
}

// checkRows compares the number of rows with the plan. The last page may differ from it: the validator compares the sum of
// all pages with the source's own count.
func checkRows(limit, planned int64, p Page, last bool) error {
	switch {
	case limit > 0 && p.Rows > limit:
		return mismatch("the portal ignores the limit of the request: report it to the portal's operators",
			"the page has %d rows, at most %d were requested", p.Rows, limit)
	case last || planned < 0 || p.Rows >= planned:
		return nil
	case p.Rows == 0:
		return mismatch("", "the page has no rows, %d were requested, and it is not the last page", planned)
	}
	return mismatch(fmt.Sprintf("if the portal serves at most %d rows per page, set llacPageSize to %d in %s; otherwise report the "+
		"missing rows to the portal's operators", p.Rows, p.Rows, contractFile),
		"the page has %d rows, %d were requested, and it is not the last page", p.Rows, planned)
}

// ignoredFilter is what to do when a cube is not the requested one.
const ignoredFilter = "the portal ignores unknown filters: check the source parameters against the table's dimensions"

// checkCells compares the categories and the number of cells of a cube with the request.
func checkCells(asked map[string][]string, request PageRequest, p Page) error {
	for _, name := range sortedNames(asked) {
		want, got := asked[name], p.Identity.Codes[name]
		switch {
		case got == nil:
			return mismatch(ignoredFilter, "the table has no dimension %.40q, which the request filters by", name)
		case len(got) != len(want):
			return mismatch(ignoredFilter, "dimension %s has %d categories, %d were requested", name, len(got), len(want))
		case !sameSet(want, got):
			return mismatch(ignoredFilter, "dimension %s has other categories than the %d that were requested", name, len(want))
		}
	}
	if request.Rows >= 0 && p.Rows != request.Rows {
		return mismatch(ignoredFilter, "%d cells were received, %d were requested", p.Rows, request.Rows)
	}
	return nil
}

// CheckCollected compares pages that a person collected with the target and with each other: together they must be the whole
// that the target selects, as far as the pages state it. The error is a *MismatchError.
func (k Kind) CheckCollected(t Target, pages []Page) error {
	var rows int64
	total := int64(-1)
	for _, p := range pages {
		if p.Identity.Offset >= 0 && p.Identity.Offset != rows {
			return mismatch("name every page once, in the order of the source",
				"page %d states that it starts at row %d, but the pages before it have %d rows", p.Index+1, p.Identity.Offset, rows)
		}
		rows += p.Rows
		total = max(total, p.Identity.Total)
	}
	if total >= 0 && rows != total {
		return mismatch("name every page of the source", "the pages have %d rows, and they state that the source has %d", rows, total)
	}
	if err := overlappingCells(pages); err != nil || k.Selection == nil {
		return err
	}
	for name, want := range k.Selection(t.Params) {
		var got []string
		for _, p := range pages {
			if codes := p.Identity.Codes[name]; codes != nil || p.Rows > 0 {
				got = append(got, codes...)
			}
		}
		slices.Sort(got)
		if !sameSet(want, slices.Compact(got)) {
			return mismatch("request the pages with the parameters of the contract, and of the slice",
				"the pages have other categories of dimension %s than the contract selects (%s)", name, Clip(strings.Join(want, ", "), 80))
		}
	}
	return nil
}

// overlappingCells returns an error if two cubes have a cell in common.
func overlappingCells(pages []Page) error {
	for i, p := range pages {
		for j, other := range pages[:i] {
			if p.Identity.Codes == nil || other.Identity.Codes == nil || p.Rows == 0 || other.Rows == 0 {
				continue
			}
			common := true
			for name, codes := range p.Identity.Codes {
				known := map[string]bool{}
				for _, code := range other.Identity.Codes[name] {
					known[code] = true
				}
				common = common && slices.ContainsFunc(codes, func(code string) bool { return known[code] })
			}
			if common {
				return &MismatchError{Repeated: true, Fix: "name every page once",
					Reason: fmt.Sprintf("pages %d and %d contain the same cells", j+1, i+1)}
			}
		}
	}
	return nil
}

// sameSet reports whether two lists without repetitions have the same elements.
func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	in := make(map[string]bool, len(a))
	for _, x := range a {
		in[x] = true
	}
	return !slices.ContainsFunc(b, func(x string) bool { return !in[x] })
}

func sortedNames[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
