package source_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source"
)

// scratch is a complete kind that reads nothing.
func scratch() source.Kind {
	return source.Kind{
		Name: "scratch", Title: "Scratch", Hosts: []string{"scratch.example"}, RequestsPerSecond: 1,
		ID:       source.IDRule{Form: regexp.MustCompile(`^[a-z]+$`), Description: "letters", Example: "abc"},
		PageSize: source.PageSize{Default: 10, Max: 100},
		Client:   func(*source.Caller) source.Client { return nil },
		Reader:   func() source.Reader { return nil },
		Problem:  func([]byte) (source.Problem, bool) { return source.Problem{}, false },
	}
}

// A kind that lacks a part is an error that names the kind and the part; it never becomes another kind.
func TestIncompleteKindIsAnError(t *testing.T) {
	t.Parallel()
	for part, remove := range map[string]func(*source.Kind){
		"Title":             func(k *source.Kind) { k.Title = "" },
		"Hosts":             func(k *source.Kind) { k.Hosts = nil },
		"RequestsPerSecond": func(k *source.Kind) { k.RequestsPerSecond = 0 },
		"ID":                func(k *source.Kind) { k.ID = source.IDRule{} },
		"PageSize":          func(k *source.Kind) { k.PageSize = source.PageSize{} },
		"Client":            func(k *source.Kind) { k.Client = nil },
		"Reader":            func(k *source.Kind) { k.Reader = nil },
		"Problem":           func(k *source.Kind) { k.Problem = nil },
		"TokenVariable":     func(k *source.Kind) { k.TokenHeader = "X-Token" },
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			kind := scratch()
			remove(&kind)
			kinds := source.Kinds{scratch(), kind}
			kinds[0].Name = "complete"
			check := func(what string, err error) {
				if err == nil || !strings.Contains(err.Error(), `"scratch"`) || !strings.Contains(err.Error(), part) {
					t.Errorf("%s: error %v, want one that names the kind and %s", what, err, part)
				}
			}
			_, err := kinds.Find("scratch")
			check("find", err)
			_, err = kinds.NewClient("scratch", source.Options{})
			check("client", err)
			_, err = kinds.NewReader("scratch")
			check("reader", err)
			check("rows", kinds.Rows("scratch", []byte("[]"), func(source.Row) error { return nil }))
		})
	}
	if _, err := (source.Kinds{scratch()}).Find("scratch"); err != nil {
		t.Errorf("a complete kind: %v", err)
	}
}

// An unknown kind is an error that lists the known ones.
func TestUnknownKindIsAnError(t *testing.T) {
	t.Parallel()
	kinds := source.Kinds{scratch()}
	for _, name := range []string{"", "scratc", "Scratch", "ftp"} {
		_, findErr := kinds.Find(name)
		_, clientErr := kinds.NewClient(name, source.Options{})
		_, readerErr := kinds.NewReader(name)
		for _, err := range []error{findErr, clientErr, readerErr} {
			if err == nil || !strings.Contains(err.Error(), "use one of scratch") {
				t.Errorf("kind %q: error %v, want one that lists the kinds", name, err)
			}
		}
		if kinds.IsDerived(name, "_id") {
			t.Errorf("kind %q derives a field", name)
		}
	}
}
