"""Results that are being computed anew, as their experiments have changed; those in the files are older."""

AWAITED = {
    "exact_attention",
    "exact_prompts",
    "fine_tuning_laptop",
    "half_trained_laptop",
    "head_vs_prompt_laptop",
    "mechanism_laptop",
    "memory_vs_vanilla_laptop",
    "readings_laptop",
}
