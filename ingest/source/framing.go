package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxMessage is the longest syslog message that is taken, in bytes. RFC 5424 asks for 2 KiB; those that carry JSON are longer.
const maxMessage = 1 << 20

// errFraming is a stream in which no message can be told from the next any more.
var errFraming = errors.New("neither a message nor its length")

// framer cuts a stream into syslog messages as RFC 6587 has it: "17 <34>1 2003 …" with the length before, or "<34>1 2003 …⏎" up to
// the end of the line. Each message is told by how it begins, for there are senders that mix.
type framer struct {
	r        *bufio.Reader
	tooLarge int // messages that were left out
}

func newFramer(r io.Reader) *framer { return &framer{r: bufio.NewReaderSize(r, 64<<10)} }

// next gives the next message, which is the caller's; io.EOF after the last. A message that breaks off is not given.
func (f *framer) next() ([]byte, error) {
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return nil, err
		}
		var message []byte
		switch {
		case c == '\n' || c == '\r' || c == 0 || c == ' ': // what some senders add
			continue
		case '1' <= c && c <= '9':
			message, err = f.counted(int(c - '0'))
		default:
			if err = f.r.UnreadByte(); err == nil {
				message, err = f.line()
			}
		}
		if err != nil {
			return nil, err
		}
		if message = bytes.Trim(message, "\x00\r\n \t"); len(message) > 0 {
			return message, nil
		}
	}
}

// counted reads a message whose length begins with n.
func (f *framer) counted(n int) ([]byte, error) {
	for {
		c, err := f.r.ReadByte()
		switch {
		case err != nil:
			return nil, unexpected(err)
		case c == ' ':
			return f.take(n)
		case c < '0' || c > '9' || n > 100*maxMessage:
			return nil, errFraming
		}
		n = 10*n + int(c-'0')
	}
}

func (f *framer) take(n int) ([]byte, error) {
	if n > maxMessage {
		f.tooLarge++
		if _, err := io.CopyN(io.Discard, f.r, int64(n)); err != nil {
			return nil, unexpected(err)
		}
		return nil, nil
	}
	var message bytes.Buffer // grows with what comes, not with what is promised
	if _, err := io.CopyN(&message, f.r, int64(n)); err != nil {
		return nil, unexpected(err)
	}
	return message.Bytes(), nil
}

// line reads to the end of the line, or of the stream: then the sender has closed in good order.
func (f *framer) line() ([]byte, error) {
	var message []byte
	for long := false; ; {
		part, err := f.r.ReadSlice('\n')
		if long = long || len(message)+len(part) > maxMessage; long {
			message = nil
		} else {
			message = append(message, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		if long {
			f.tooLarge++
		}
		return message, nil
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("message broke off: %w", io.ErrUnexpectedEOF)
	}
	return err
}
