package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const events = "./events"

// database writes a database of vulnerabilities with one in it, of a function of the standard library, that is fixed in a
// Go that does not exist yet.
func database(t *testing.T, pkg, symbol string) string {
	t.Helper()
	dir := t.TempDir()
	const id, modified = "GO-2026-99999", "2026-01-02T03:04:05Z"
	write := func(name string, v any) {
		t.Helper()
		b, err := json.Marshal(v)
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(at), 0o755)
		}
		if err == nil {
			err = os.WriteFile(at, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	type object = map[string]any
	write("index/db.json", object{"modified": modified})
	write("index/modules.json", []object{{"path": "stdlib", "vulns": []object{{"id": id, "modified": modified, "fixed": "1.999.0"}}}})
	write("index/vulns.json", []object{{"id": id, "modified": modified}})
	write("ID/"+id+".json", object{
		"schema_version": "1.3.1", "id": id, "modified": modified, "published": modified,
		"summary": "A hole that was made for this test", "details": "-",
		"database_specific": object{"url": "https://example.org/" + id},
		"affected": []object{{
			"package":            object{"name": "stdlib", "ecosystem": "Go"},
			"ranges":             []object{{"type": "SEMVER", "events": []object{{"introduced": "0"}, {"fixed": "1.999.0"}}}},
			"ecosystem_specific": object{"imports": []object{{"path": pkg, "symbols": []string{symbol}}}},
		}},
	})
	return "file://" + filepath.ToSlash(dir)
}

func TestReachableVulnerability(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	if status := run(t.Context(), []string{events}, database(t, "encoding/json", "Marshal"), &out, &log); status != found ||
		!strings.Contains(out.String(), "GO-2026-99999") {
		t.Errorf("exit status %d\n%s%s", status, out.String(), log.String())
	}
	if !strings.Contains(out.String(), "of 2026-01-02T03:04:05Z") {
		t.Errorf("the output lacks the age of the database:\n%s", out.String())
	}
}

func TestUnreachableVulnerability(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	if status := run(t.Context(), []string{events}, database(t, "net/smtp", "SendMail"), &out, &log); status != 0 {
		t.Errorf("exit status %d\n%s%s", status, out.String(), log.String())
	}
}

// TestMissingDatabase checks that "nothing found" and "nothing checked" differ.
func TestMissingDatabase(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = w.Write([]byte("<html>welcome</html>"))
	}))
	t.Cleanup(other.Close)
	for name, where := range map[string]string{
		"no network": closed.URL, "nothing there": empty.URL, "a page that asks to log in": other.URL, "no folder": "file://" +
			filepath.ToSlash(t.TempDir()),
	} {
		var out, log bytes.Buffer
		if status := run(t.Context(), []string{events}, where, &out, &log); status != unchecked || !strings.Contains(log.String(),
			"NOTHING WAS CHECKED") || !strings.Contains(log.String(), "GOVULNDB=") {
			t.Errorf("%s: exit status %d\n%s%s", name, status, out.String(), log.String())
		}
	}
	var out, log bytes.Buffer
	if status := run(t.Context(), nil, "", &out, &log); status != usage {
		t.Errorf("no packages: exit status %d\n%s", status, log.String())
	}
}
