package source

import (
	"fmt"
	"strconv"
)

// ckanPage is what a datastore answer says beside its records.
type ckanPage struct {
	success bool
	total   int64 // -1 where the answer has none
	limit   int64 // the limit the portal really applied; -1 where the answer has none
}

// ckanRows reads a datastore_search answer: result.records is an array of objects.
func (r *Reader) ckanRows(page []byte, yield func(Row) error) (ckanPage, error) {
	p := ckanPage{total: -1, limit: -1}
	s := &r.scanner
	s.begin(page)
	if err := s.want('{', "a datastore answer is an object"); err != nil {
		return p, err
	}
	found := 0
	err := s.object(func(name string, _, _ int) error {
		switch name {
		case "success":
			start, end, err := s.value()
			p.success = err == nil && string(s.b[start:end]) == "true"
			return err
		case "result":
			if err := s.want('{', "result must be an object"); err != nil {
				return err
			}
			return s.object(func(name string, _, _ int) error {
				switch name {
				case "records":
					found++
					if err := s.want('[', "result.records must be an array of objects"); err != nil {
						return err
					}
					if found > 1 {
						return s.fail(s.i, fmt.Errorf("%w: result.records stands twice", errForm))
					}
					return r.records(yield)
				case "total":
					return s.count(&p.total)
				case "limit":
					return s.count(&p.limit)
				}
				_, _, err := s.value()
				return err
			})
		}
		_, _, err := s.value()
		return err
	})
	if err != nil {
		return p, err
	}
	if err := s.end(); err != nil {
		return p, err
	}
	if !p.success || found == 0 {
		return p, s.fail(0, fmt.Errorf("%w: a datastore answer must have success true and result.records", errForm))
	}
	return p, nil
}

// count consumes a value and, where it is a whole number, keeps it.
func (s *scanner) count(into *int64) error {
	start, end, err := s.value()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(s.b[start:end]), 10, 64); err == nil {
		*into = n
	}
	return nil
}
