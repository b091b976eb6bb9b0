package ckan

import (
	"strconv"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// reader reads a datastore_search answer.
type reader struct{ records *jsonpage.Records }

// Want does nothing: all fields of a datastore answer are the portal's own.
func (r *reader) Want(...string) {}

// Rows yields one row per object of result.records, with the fields in the page's order.
func (r *reader) Rows(page []byte, yield func(source.Row) error) error {
	_, err := r.read(page, yield)
	return err
}

// answer is what a datastore answer contains besides its records.
type answer struct {
	success bool
	lists   bool  // result.records exists
	total   int64 // -1 if the answer has none
	limit   int64 // the limit that the portal applied; -1 if the answer has none
}

func (r *reader) read(page []byte, yield func(source.Row) error) (answer, error) {
	a := answer{total: -1, limit: -1}
	s := r.records.Begin(page)
	if err := s.Expect('{', "a datastore answer is an object"); err != nil {
		return a, err
	}
	err := s.Members(func(name string, _, _ int) error {
		switch name {
		case "success":
			start, end, err := s.Value()
			a.success = err == nil && string(page[start:end]) == "true"
			return err
		case "result":
			return r.result(s, page, &a, yield)
		}
		_, _, err := s.Value()
		return err
	})
	if err != nil {
		return a, err
	}
	if err := s.End(); err != nil {
		return a, err
	}
	if !a.success || !a.lists {
		return a, s.Form(0, "a datastore answer must have success true and result.records")
	}
	return a, nil
}

// result consumes the member result.
func (r *reader) result(s *jsonpage.Scanner, page []byte, a *answer, yield func(source.Row) error) error {
	if err := s.Expect('{', "result must be an object"); err != nil {
		return err
	}
	return s.Members(func(name string, _, _ int) error {
		switch name {
		case "records":
			a.lists = true
			if err := s.Expect('[', "result.records must be an array of objects"); err != nil {
				return err
			}
			return r.records.Read(yield)
		case "total":
			return count(s, page, &a.total)
		case "limit":
			return count(s, page, &a.limit)
		}
		_, _, err := s.Value()
		return err
	})
}

// count consumes a value and stores it if it is a whole number.
func count(s *jsonpage.Scanner, page []byte, into *int64) error {
	start, end, err := s.Value()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(page[start:end]), 10, 64); err == nil {
		*into = n
	}
	return nil
}
