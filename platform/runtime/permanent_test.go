package runtime

import (
	"errors"
	"fmt"
	"testing"
)

func TestWhatIsPermanent(t *testing.T) {
	t.Parallel()
	passing, final := errors.New("the lake is away"), Permanent(errors.New("no contract"))
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"passing", passing, false},
		{"final", final, true},
		{"final, wrapped", fmt.Errorf("load: %w", final), true},
		{"all of several are final", errors.Join(final, fmt.Errorf("load: %w", final)), true},
		// One broken contract beside one that could not be read just now: the next try may read it.
		{"one of several may pass", errors.Join(final, passing), false},
		{"one of several may pass, wrapped", fmt.Errorf("contracts: %w", errors.Join(passing, final)), false},
		{"made final as a whole", Permanent(errors.Join(final, passing)), true},
	} {
		if got := IsPermanent(c.err); got != c.want {
			t.Errorf("%s: permanent is %v", c.name, got)
		}
	}
}
