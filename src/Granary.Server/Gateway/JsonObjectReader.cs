using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Granary.Server.Gateway;

/// <summary>
/// Cuts a body into the JSON objects that stand one behind the other in it, as soon as each is complete. Looks at every byte once,
/// however small the pieces are in which it comes.
/// </summary>
/// <param name="body">The body.</param>
/// <param name="maxBytes">Bytes of one object at most.</param>
internal sealed class JsonObjectReader(PipeReader body, int maxBytes)
{
    /// <summary>The next object, or null at the end of the body.</summary>
    /// <exception cref="MalformedJsonException">Something else stands there, or the body ends within an object.</exception>
    /// <exception cref="MessageTooLargeException">The object has more bytes than it may.</exception>
    public async ValueTask<byte[]?> Next(CancellationToken cancellationToken)
    {
        var scanner = new JsonScanner();

        // Bytes of this object that were looked at already.
        long looked = 0;
        while (true)
        {
            var read = await body.ReadAsync(cancellationToken);
            var buffer = looked == 0 ? SkipWhiteSpace(read.Buffer) : read.Buffer;
            long? end;
            try
            {
                end = End(scanner, buffer.Slice(looked), read.IsCompleted);
            }
            catch (MalformedJsonException)
            {
                body.AdvanceTo(buffer.End);
                throw;
            }

            if (end is not null)
            {
                var complete = buffer.Slice(0, looked + end.Value).ToArray();
                body.AdvanceTo(buffer.GetPosition(looked + end.Value));
                return complete[0] == '{' ? complete : throw NoObject(complete);
            }

            looked = buffer.Length;
            if (looked > maxBytes)
            {
                body.AdvanceTo(buffer.End);
                throw new MessageTooLargeException(looked);
            }

            body.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return looked == 0 ? null : throw new MalformedJsonException("unexpected EOF");
            }
        }
    }

    /// <summary>How many bytes belong to the value that goes on here, or null when it does not end here.</summary>
    private static long? End(JsonScanner scanner, in ReadOnlySequence<byte> part, bool isAll)
    {
        long position = 0;
        foreach (var segment in part)
        {
            foreach (var one in segment.Span)
            {
                switch (scanner.Take(one))
                {
                    case ScannedByte.Last:
                        return position + 1;
                    case ScannedByte.Behind:
                        return position;
                }

                position++;
            }
        }

        return isAll && scanner.MayEnd ? position : null;
    }

    private static MalformedJsonException NoObject(byte[] value)
    {
        var token = value[0] == '[' ? "[" : Encoding.UTF8.GetString(value);
        return new MalformedJsonException($"proto: syntax error (line 1:1): unexpected token {token}");
    }

    private static ReadOnlySequence<byte> SkipWhiteSpace(ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        reader.AdvancePastAny(" \t\r\n"u8);
        return reader.UnreadSequence;
    }
}
