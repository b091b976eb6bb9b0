package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/llac-project/llac/platform/lake"
)

// maxCopies is how many objects are copied or checked at a time. A copy holds a part of a large object in memory.
const maxCopies = 8

// copyLayers copies the objects that the lake lacks. An object that exists with another size is kept and reported: a person
// decides which one is right.
func (r *restoring) copyLayers(ctx context.Context) error {
	var missing []string
	for _, layer := range Layers {
		more, err := r.missingObjects(ctx, layer)
		if err != nil {
			return err
		}
		missing = append(missing, more...)
	}
	if r.options.DryRun {
		return nil
	}
	r.progress(func(s *Step) { *s = Step{Doing: "copy", Total: len(missing)} })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxCopies)
	for _, key := range missing {
		group.Go(func() error { return r.copy(ctx, key) })
	}
	return group.Wait()
}

// missingObjects lists the objects of a layer that the replica has and the lake lacks.
func (r *restoring) missingObjects(ctx context.Context, layer string) ([]string, error) {
	existing, err := sizes(ctx, r.to, layer)
	if err != nil {
		return nil, fmt.Errorf("list %s of the lake: %w", layer, err)
	}
	replica, err := sizes(ctx, r.from, layer)
	if err != nil {
		return nil, fmt.Errorf("list %s of the replica: %w", layer, err)
	}
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(replica)) {
		size, exists := existing[key]
		switch {
		case !exists:
			missing = append(missing, key)
			if r.options.DryRun {
				r.report.Copied++
				r.report.Bytes += replica[key]
			}
		case size != replica[key]:
			r.problem("%s has %d bytes in the lake and %d in the replica; neither was changed", key, size, replica[key])
		default:
			r.report.There++
		}
	}
	return missing, nil
}

func sizes(ctx context.Context, s lake.Store, prefix string) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.List(ctx, prefix, func(i lake.Info) bool {
		out[i.Key] = i.Size
		return true
	})
	return out, err
}

func (r *restoring) copy(ctx context.Context, key string) error {
	body, info, err := r.from.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("read %s of the replica: %w", key, err)
	}
	defer body.Close() // read only
	counted := &countingReader{Reader: body}
	_, err = r.to.PutStream(ctx, key, counted, lake.Metadata(info.Metadata))
	if errors.Is(err, lake.ErrExists) {
		// A running service has written it since the listing. If a pointer names it, the check decides.
		err = nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	r.progress(func(s *Step) { s.Done++; s.Bytes += counted.n })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Copied++
	r.report.Bytes += counted.n
	return nil
}

type countingReader struct {
	io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
