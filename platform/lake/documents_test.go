package lake_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

func TestReadRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	info, err := m.Put(t.Context(), "landing/a/1.json", []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	right := info.Object()
	longer, other := right, right
	longer.Size++
	other.SHA256 = lake.SHA256([]byte("other"))
	if _, err := lake.Read(t.Context(), m, right); err != nil {
		t.Errorf("the right bytes: %v", err)
	}
	for name, o := range map[string]events.Object{"size": longer, "digest": other} {
		var integrity *lake.IntegrityError
		if _, err := lake.Read(t.Context(), m, o); !errors.As(err, &integrity) || !integrity.Permanent() || !strings.Contains(err.Error(), o.Key) {
			t.Errorf("%s: %v, want a permanent *IntegrityError with the key", name, err)
		}
	}
	m.Corrupt("landing/a/1.json", []byte(`{"a":2}`))
	if _, err := lake.ReadDocument[map[string]int](t.Context(), m, right); err == nil {
		t.Error("changed bytes of the same length were read")
	}
}

// A document that cannot be decoded is not decoded by the next try either.
func TestUnreadableDocumentsArePermanent(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	for _, key := range []string{lake.PointerKey("a"), lake.CursorKey("a"), "doc"} {
		if _, err := m.Put(t.Context(), key, []byte("{broken")); err != nil {
			t.Fatal(err)
		}
	}
	_, info, err := m.Get(t.Context(), "doc")
	if err != nil {
		t.Fatal(err)
	}
	_, _, pointer := lake.ReadPointer(t.Context(), m, "a")
	_, cursor := lake.ReadCursor(t.Context(), m, "a")
	_, document := lake.ReadDocument[lake.Manifest](t.Context(), m, info.Object())
	for key, err := range map[string]error{lake.PointerKey("a"): pointer, lake.CursorKey("a"): cursor, "doc": document} {
		var p interface{ Permanent() bool }
		if !errors.As(err, &p) || !p.Permanent() || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v, want a permanent error with the key", key, err)
		}
	}
}

func TestNothingPublishedIsNoError(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	if p, etag, err := lake.ReadPointer(t.Context(), m, "a"); p != nil || etag != "" || err != nil {
		t.Errorf("pointer %v, etag %q, error %v", p, etag, err)
	}
	if c, err := lake.ReadCursor(t.Context(), m, "a"); c != nil || err != nil {
		t.Errorf("cursor %v, error %v", c, err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	sha := strings.Repeat("ab", 32)
	for want, got := range map[string]string{
		"landing/services/ingested_process_at=20250803T140512/00007.abababababab.json":            lake.LandingPageKey("services", "20250803T140512", 7, sha),
		"landing/services/ingested_process_at=20250803T140512/_manifest.k3.json":                  lake.ManifestKey("services", "20250803T140512", "k3", 0),
		"landing/services/ingested_process_at=20250803T140512/_manifest.k3.part2.json":            lake.ManifestKey("services", "20250803T140512", "k3", 2),
		"staging/services/ingested_process_at=20250803T140512-k3/district_id=01/services.parquet": lake.StagingKey("services", "20250803T140512", "k3", []lake.PartitionValue{{Column: "district_id", Value: "01"}}),
		"archive/services/ingested_process_at=20250803T140512/00007.abababababab.json.zst":        lake.ArchiveKey(lake.LandingPageKey("services", "20250803T140512", 7, sha)),
		"archive/services/ingested_process_at=20250803T140512/_manifest.k3.json":                  lake.ArchiveKey(lake.ManifestKey("services", "20250803T140512", "k3", 0)),
		"runs/population/20250803T140512-y2024/fetcher.json":                                      lake.ReceiptKey("population", lake.RunID("20250803T140512", "y", "2024"), "fetcher", 0),
		"runs/population/20250803T140512/fetcher.part1.json":                                      lake.ReceiptKey("population", lake.RunID("20250803T140512", "y", ""), "fetcher", 1),
		"runs/a/1/validator.failed.a-1-fetcher-1.json":                                            lake.FailureKey("a", "1", "validator", "a/1/fetcher/1"),
	} {
		if got != want {
			t.Errorf("key %s\nwant %s", got, want)
		}
	}
}
