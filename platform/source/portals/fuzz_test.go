package portals_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// FuzzRows reads arbitrary bytes. Reading must not panic, ranges must be within the page, errors must be page errors, and
// accepted bytes must be valid for encoding/json. The seeds are in testdata/fuzz/FuzzRows.
func FuzzRows(f *testing.F) {
	f.Add(uint8(0), []byte("[{\"a\":\"1\"}\n,{\"a\":null}]\n"))
	f.Add(uint8(1), []byte(`{"class":"dataset","id":["A","B"],"size":[2,1],"role":{"metric":["A","B"],"time":7},"dimension":{`+
		`"A":{"category":{"index":["a\"","b"],"label":{"b":{}}}},"B":{"category":{"label":{"\u0062":"b, c"}}}},"value":[1,2]}`))
	f.Add(uint8(2), []byte(`[{"a":1,"a":2},{"b":1}]`))
	f.Add(uint8(1), []byte(`{"class":"dataset","id":["value"],"size":[1],"dimension":{"value":{"category":{"index":["a"]}}},"value":[1]}`))
	f.Fuzz(func(t *testing.T, which uint8, page []byte) {
		kind := portals.All.Names()[int(which)%len(portals.All.Names())]
		reader, err := portals.All.NewReader(kind)
		if err != nil {
			t.Fatal(err)
		}
		reader.Want("role:time", "role:geo", "role:geo.label", "role:metric", "role:metric.label", "role:none")
		n := 0
		err = reader.Rows(page, func(r source.Row) error {
			if r.Index != n || r.Start < 0 || r.Start > r.End || r.End > len(page) {
				t.Fatalf("row %d: index %d, bytes %d to %d of %d", n, r.Index, r.Start, r.End, len(page))
			}
			names := map[string]bool{}
			for _, v := range r.Fields {
				if !json.Valid(v.Raw) {
					t.Fatalf("row %d: value of a field is not JSON: %q", n, v.Raw)
				}
				if names[v.Name] {
					t.Fatalf("row %d: two fields have the name %q", n, v.Name)
				}
				names[v.Name] = true
			}
			if n++; n > 1000 {
				return errEnough
			}
			return nil
		})
		var bad *source.PageError
		switch {
		case errors.Is(err, errEnough):
		case err != nil && (!errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(page)):
			t.Fatalf("error %v, want a page error with an offset within the page", err)
		case err == nil && !json.Valid(bytes.TrimPrefix(page, []byte("\xef\xbb\xbf"))):
			t.Fatalf("accepted a page that is not JSON: %q", page)
		}
	})
}

var errEnough = errors.New("enough")
