using System.CommandLine;
using Granary.Benchmarks.Load;

namespace Granary.Benchmarks;

/// <summary>The options that make a <see cref="KeySpace"/>.</summary>
internal sealed class KeySpaceArguments
{
    private readonly Option<int> _keys = new("--keys") { Description = "Keys in the key space.", DefaultValueFactory = _ => 100_000 };
    private readonly Option<int> _keySize = new("--key-size") { Description = "Bytes of a key.", DefaultValueFactory = _ => 16 };
    private readonly Option<int> _valueSize = new("--value-size") { Description = "Bytes of a value.", DefaultValueFactory = _ => 256 };
    private readonly Option<int> _seed = new("--seed") { Description = "Of the keys chosen and the values.", DefaultValueFactory = _ => 1 };

    public void AddTo(Command command)
    {
        command.Options.Add(_keys);
        command.Options.Add(_keySize);
        command.Options.Add(_valueSize);
        command.Options.Add(_seed);
    }

    public KeySpace Read(ParseResult parsed) =>
        new(parsed.GetValue(_keys), parsed.GetValue(_keySize), parsed.GetValue(_valueSize), parsed.GetValue(_seed));
}
