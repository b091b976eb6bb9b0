package memory_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/memory"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]memory.Size{
		"256MiB": 256 << 20, "1GiB": 1 << 30, "300MB": 300e6, "268435456": 268435456, " 64 MiB ": 64 << 20, "1.5GiB": 3 << 29,
		"2TB": 2e12, "512KiB": 512 << 10, "5kB": 5000, "7B": 7, "0": 0,
	} {
		if got, err := memory.Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "MiB", "-1MiB", "+1", "1e9", "infGiB", "256 Mib", "many",
		"9223372036854775808", "9000000TiB", "0x10", "1..5GiB",
	} {
		if got, err := memory.Parse(text); err == nil || strings.Contains(err.Error(), text) && text != "" && text != "MiB" {
			t.Errorf("Parse(%q) = %d, %v, want an error that does not repeat it", text, got, err)
		}
	}
}

func TestStringIsParsedToTheSameSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[memory.Size]string{
		256 << 20: "256MiB", 1 << 30: "1GiB", 300e6: "300000000", 1536 << 10: "1536KiB", 0: "0",
	} {
		if got := size.String(); got != want {
			t.Errorf("String of %d is %q, want %q", size, got, want)
		}
		var back memory.Size
		if err := back.Set(size.String()); err != nil || back != size {
			t.Errorf("Set(%q) gives %d, %v", size.String(), back, err)
		}
	}
}

func TestPeak(t *testing.T) {
	t.Parallel()
	if got := memory.Peak(); (runtime.GOOS == "linux" || runtime.GOOS == "darwin") && (got < 1<<20 || got > 1<<40) {
		t.Errorf("peak %d bytes", got)
	}
}
