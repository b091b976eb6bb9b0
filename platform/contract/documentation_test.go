package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/portals"
)

func documentation(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "contracts.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestVocabularyIsDocumented(t *testing.T) {
	t.Parallel()
	text := documentation(t)
	var words []string
	for _, names := range vocabulary {
		words = append(words, names...)
	}
	words = append(words, metricNames()...)
	words = append(words, operators...)
	words = append(words, portals.All.Names()...)
	words = append(words, CheckDigits...)
	for standard := range standardMetrics() {
		words = append(words, standard)
	}
	_, reference, _ := strings.Cut(text, "## The contract as a whole")
	for _, word := range words {
		if !strings.Contains(reference, "`"+word) && !strings.Contains(reference, ": "+word+"`") {
			t.Errorf("docs/contracts.md does not explain %s", word)
		}
	}
}

func TestDocumentedExampleUsesEveryCustomProperty(t *testing.T) {
	t.Parallel()
	_, rest, ok := strings.Cut(documentation(t), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/contracts.md has no example")
	}
	c, err := Parse("libraries"+FileSuffix, []byte(example))
	if err != nil {
		t.Fatalf("parse the example of docs/contracts.md:\n%v", err)
	}
	if c.Dataset != "libraries" || len(c.Quality) != 5 || c.Slicing == nil {
		t.Errorf("the example is dataset %q with %d rules", c.Dataset, len(c.Quality))
	}
	for _, names := range vocabulary {
		for _, name := range names {
			// These two need a value or a field that the example does not have.
			if name != "llacSqueeze" && name != "llacCheckDigitExempt" && !strings.Contains(example, name) {
				t.Errorf("the example does not show %s", name)
			}
		}
	}
}
