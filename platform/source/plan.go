package source

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// maxTitle bounds what a portal says of a dataset, in bytes: it goes into manifests and every published file.
const maxTitle = 1 << 10

// describeTries is how often Describe begins anew when the source changes between its own questions.
const describeTries = 3

// maxPages bounds the pages of one extraction: a source that counts more is wrong, or wants slices.
const maxPages = 100_000

// planOffsets cuts total rows into pages of at most size rows. An empty source still has one page: that it is
// empty must be landed like everything else.
func planOffsets(op string, total, size int64, address func(offset, limit int64) string) ([]PageRequest, error) {
	if total/size >= maxPages {
		return nil, &PermanentError{
			Op: op, Err: fmt.Errorf("the source counts %d rows, more than %d pages of %d", total, maxPages, size),
			Hint: "if that is true, set a larger page size or slices in datasets/<dataset>.odcs.yaml",
		}
	}
	pages := []PageRequest{}
	for offset := int64(0); offset < total || len(pages) == 0; offset += size {
		pages = append(pages, PageRequest{
			Index: len(pages), URL: address(offset, size), Rows: max(min(size, total-offset), 0),
		})
	}
	return pages, nil
}

// pageSize is the target's page size within what the portal serves.
func pageSize(t Target, byDefault, most int) int64 {
	if t.PageSize <= 0 {
		return int64(byDefault)
	}
	return int64(min(t.PageSize, most))
}

// plannedPage returns page index of a description.
func plannedPage(op string, d Description, index int) (PageRequest, error) {
	if index < 0 || index >= len(d.Pages) {
		return PageRequest{}, &PermanentError{
			Op: op, Err: fmt.Errorf("the extraction has pages 0 to %d", len(d.Pages)-1), Hint: "describe the source again",
		}
	}
	return d.Pages[index], nil
}

// changedError is an ErrChanged that says what gave it away.
func changedError(op, what, then, now string) error {
	return fmt.Errorf("%s: %w: %s was %q and is %q", op, ErrChanged, what, clip(then, 80), clip(now, 80))
}

// sameSystem checks that an answer comes from where the extraction began.
//
// Invariant 11: a simulator never finishes what a portal began.
func sameSystem(op string, d Description, res *response) error {
	if d.SourceSystem != "" && res.system != d.SourceSystem {
		return changedError(op, "the source system", d.SourceSystem, res.system)
	}
	return nil
}

// wholeNumber reads a JSON number or a text of digits, as portals write counts.
func wholeNumber(raw json.RawMessage) (int64, error) {
	t := string(raw)
	if isText(raw) {
		t = unquote(raw)
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	return n, err
}
