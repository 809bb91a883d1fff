"""`pc3dad doctor`: what this installation can do."""

from pc3dad.cli import options, output
from pc3dad.errors import ExitCode


def doctor(
    device: options.Device = "auto", plugin: options.Plugin = [], as_json: options.Json = False
) -> ExitCode:
    """Show versions, device and plug-ins, and name what is broken."""
    from pc3dad.evaluation.doctor import examine

    facts = examine(device, plugin)
    if as_json:
        output.show_json(facts)
    else:
        for key, value in facts.items():
            text = (
                ", ".join(f"{name} {item}" for name, item in value.items())
                if isinstance(value, dict)
                else value
            )
            text = "; ".join(value) or "none" if isinstance(value, list) else text
            output.show(output.paragraph(f"{key:<12}{text}", indent=12))
    return ExitCode.FAILED if facts["problems"] else ExitCode.DONE
