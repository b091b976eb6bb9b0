package ckan

import (
	"encoding/json"
	"strconv"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// reader reads a datastore_search answer.
type reader struct {
	records *jsonpage.Records
	page    []byte // that was read last
	id      source.Identity
}

// Identity returns what a datastore answer states of itself: the resource, its fields, and the part of its rows.
func (r *reader) Identity() source.Identity {
	id := r.id
	id.Simulated = source.HasMark(r.page)
	return id
}

// Want does nothing: all fields of a datastore answer are the portal's own.
func (r *reader) Want(...string) {}

// Rows yields one row per object of result.records, with the fields in the page's order.
func (r *reader) Rows(page []byte, yield func(source.Row) error) error {
	r.page, r.id = page, source.NoIdentity()
	s := r.records.Begin(page)
	if err := s.Expect('{', "a datastore answer is an object"); err != nil {
		return err
	}
	success, lists := false, 0
	err := s.Members(func(name string, _, _ int) error {
		switch name {
		case "success":
			start, end, err := s.Value()
			success = err == nil && string(page[start:end]) == "true"
			return err
		case "result":
			return r.result(s, &lists, yield)
		}
		_, _, err := s.Value()
		return err
	})
	if err != nil {
		return err
	}
	if err := s.End(); err != nil {
		return err
	}
	if !success || lists == 0 {
		return s.Form(0, "a datastore answer must have success true and result.records")
	}
	return nil
}

// result consumes the member result and counts its lists of records.
func (r *reader) result(s *jsonpage.Scanner, lists *int, yield func(source.Row) error) error {
	if err := s.Expect('{', "result must be an object"); err != nil {
		return err
	}
	return s.Members(func(name string, _, _ int) error {
		if name == "records" {
			*lists++
			if err := s.Expect('[', "result.records must be an array of objects"); err != nil {
				return err
			}
			if *lists > 1 {
				return s.Form(s.Offset(), "result.records occurs twice")
			}
			return r.records.Read(yield)
		}
		start, end, err := s.Value()
		if err == nil {
			r.state(name, r.page[start:end])
		}
		return err
	})
}

// state keeps a member of result that states what the answer is. A member of another form states nothing.
func (r *reader) state(name string, value []byte) {
	switch name {
	case "resource_id":
		_ = json.Unmarshal(value, &r.id.Source)
	case "total":
		number(value, &r.id.Total)
	case "offset":
		number(value, &r.id.Offset)
	case "limit":
		number(value, &r.id.Limit)
	case "fields":
		var fields []struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(value, &fields) != nil {
			return
		}
		for _, f := range fields {
			r.id.Fields = append(r.id.Fields, f.ID)
		}
	}
}

// number stores a value if it is a whole number.
func number(value []byte, into *int64) {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		*into = n
	}
}
